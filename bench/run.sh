#!/bin/sh
# run.sh BUILD_DIR [--only REGEX]
#
# The figures of libps in one table, each of two things that are measured in
# turn; README.md says how. A figure is met when it reaches its target, rounded
# as that is; one that is not is a report and no failure. Status 1: something
# could not be measured, or an answer was wrong.
# shellcheck disable=SC2317 # try calls them
set -u

usage() {
    sed -n '2s/^# /usage: /p' "$0" >&2
    exit 2
}
[ $# -ge 1 ] || usage
here=$(cd "$(dirname "$0")" && pwd) || exit 2
build=$(cd "$1" && pwd) || exit 2
shift
only=.
while [ $# -gt 0 ]; do
    [ "$1" = --only ] || usage
    [ $# -gt 1 ] || usage
    only=$2
    shift 2
done

program_seconds=8
start_seconds=1.2
starts=5
demos=3
need=1200 # MB, in the folder of the data

for variable in $(env | sed -n 's/^\(PS_[A-Z_]*\)=.*/\1/p; s/^\(GIT_[A-Z_]*\)=.*/\1/p
    s/^\(PYTHON[A-Z]*\)=.*/\1/p') LD_PRELOAD XDG_CONFIG_HOME XDG_DATA_HOME TAR_OPTIONS; do
    unset "$variable"
done
PATH=/usr/local/bin:/usr/bin:/bin # no script that stands for a program
PYTHONHASHSEED=0 GIT_CONFIG_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0 LC_ALL=C
export PATH PYTHONHASHSEED GIT_CONFIG_NOSYSTEM GIT_OPTIONAL_LOCKS LC_ALL
temp=$(mktemp -d) || exit 1
data= tried= redis= nginx=
trap 'rm -rf "$temp" ${data:+"$data"}; [ -z "$redis$nginx" ] || kill $redis $nginx' EXIT
trap 'exit 130' INT TERM HUP
lib=$build/libps.so.1 psctl=$build/psctl bin=$temp/bin HOME=$temp/home
export HOME
mkdir "$HOME" "$bin"
exec </dev/null

stop() {
    echo "bench: $*" >&2
    exit 1
}

# The data are on tmpfs where it has room: no disk, and what images are made of.
for folder in /dev/shm "${TMPDIR:-/tmp}" ''; do
    free=$(df -Pk "$folder" 2>/dev/null | awk 'NR == 2 { print int($4 / 1000) }')
    if [ -w "$folder" ] && [ "${free:-0}" -ge $need ]; then
        break
    fi
done
[ -n "$folder" ] || stop "neither /dev/shm nor ${TMPDIR:-/tmp} has $need MB free"
data=$(mktemp -d "$folder/libps-bench.XXXXXX") || exit 1
cd "$data" || exit 1

compile() { # compile DRIVER FLAG...
    driver=$1
    shift
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror "-I$here/../include" \
        "$here/$driver.c" -o "$bin/$driver" "$@" -lm -ldl || stop "$driver.c does not compile"
}
for driver in pair pread_plain small seqread every; do
    compile $driver
done
compile floor -pthread
compile supervised -static
for driver in map_scan touch touchers first_scan first_strided pressure maps own; do
    compile $driver -pthread "-L$build" -lps "-Wl,-rpath,$build"
done

# --- the table ------------------------------------------------------------------------

failed=0
not_measured() { # not_measured WHY
    printf '%-44s not measured: %s\n' "$title" "$1"
    failed=1
}

# measure STARTS COMMAND...: its name=value words become $words, one a line; of several starts
# the medians, with the least and the most of them as low and high
measure() {
    number=$1
    shift
    : >"$temp/words"
    for _ in $(seq "$number"); do
        if ! "$@" >>"$temp/words" 2>"$temp/err"; then
            not_measured "$(tail -n 1 "$temp/err")"
            return 1
        fi
    done
    words=$(tr ' ' '\n' <"$temp/words" | awk -F= -v starts="$number" '
        starts == 1 || NF < 2 { print; next }
        $1 == "pairs" { pairs += $2; next }
        $1 !~ /_(low|high)$/ {
            for (i = count[$1]++; i > 0 && value[$1, i - 1] > $2 + 0; i--)
                value[$1, i] = value[$1, i - 1]
            value[$1, i] = $2 + 0
        }
        END {
            if (starts == 1)
                exit
            for (name in count) {
                most = count[name] - 1
                print name "=" value[name, int(most / 2)]
                print name "_low=" value[name, 0] "\n" name "_high=" value[name, most]
            }
            print "pairs=" pairs + 0
        }')
}

word() { # word NAME DIGITS
    echo "$words" | awk -F= -v name="$1" -v digits="$2" \
        '$1 == name { printf "%." digits "f", $2 }'
}

# row NAME UNIT RELATION TARGET NOTE: a line of the table; RELATION: <, <=, >=, or - for no target
row() {
    echo "$words" | awk -F= -v title="$title" -v name="$1" -v unit="$2" -v relation="$3" \
        -v target="$4" -v note="$5" '
        { value[$1] = $2 }
        END {
            digits = index(target, ".") ? length(target) - index(target, ".") : 0
            figure = sprintf("%." digits "f", value[name])
            met = relation == "<" ? value[name] < target + 0 :
                relation == "<=" ? figure + 0 <= target + 0 : figure + 0 >= target + 0
            format = "%." (digits + 1) "f"
            if ((name "_low") in value)
                between = sprintf("[" format " " format "]", value[name "_low"], value[name "_high"])
            printf "%-44s %6s %-3s %-15s %2s %5s  %-8s %s\n", title, figure, unit, between,
                relation, relation == "-" ? "" : target,
                relation == "-" ? "-" : met ? "met" : "not met", note
        }'
}

# try TITLE FUNCTION ARGUMENT...: a row, if it is wanted
try() {
    echo "$1" | grep -qE -e "$only" || return 0
    tried=1
    title=$1
    shift
    "$@"
}

# --- data -----------------------------------------------------------------------------

make_objects() {
    [ ! -e native ] || return 0
    head -c 134217728 /dev/urandom >native || stop "no data"
    "$psctl" put native -o lazy.psx --store "file://$data/store?direct=0" >"$temp/out" ||
        stop "no object"
    "$psctl" proxy native -o direct.psx >"$temp/out" || stop "no proxy"
}
make_db() {
    "$here/../examples/make_db.sh" db 200000 || stop "no database"
}
# 4 x 2000 files, older than the index that will know them: else git reads them again
make_tree() {
    [ ! -e tree ] || return 0
    mkdir tree tree/0 tree/1 tree/2 tree/3 || stop "no folders"
    awk 'BEGIN {
        for (i = 0; i < 8000; i++) {
            file = sprintf("tree/%d/file-%04d", i % 4, i)
            for (j = 0; j < 20 + i % 80; j++)
                printf "line %d of file %d, as long as lines of sources are\n", j, i >file
            close(file)
        } }' || stop "no files"
    find tree -type f -exec touch -d 2001-01-01 {} +
}
make_repository() {
    make_tree
    git -C tree init -q || stop "no repository"
    git -C tree add . || stop "no index"
    git -C tree -c user.name=bench -c user.email=bench@localhost commit -qm bench ||
        stop "no commit"
    echo changed >tree/0/file-0000
    echo new >tree/new
}

# --- what is measured -----------------------------------------------------------------

# program MAKE COMMAND...: its time, preloaded, without a proxy; it must give the same answer
program() {
    "$1"
    shift
    "$@" >native.out 2>&1 || stop "$1 fails"
    LD_PRELOAD=$lib "$@" >preloaded.out 2>&1
    if ! cmp -s native.out preloaded.out; then
        not_measured "preloaded, it gives another answer"
        return
    fi
    rm -f native.out preloaded.out
    measure 1 "$bin/pair" "$program_seconds" "$@" -- LD_PRELOAD="$lib" "$@" || return
    row ratio x '<=' 1.01 \
        "$(word pairs 0) pairs; natively $(word first 1) ms; by wall time $(word wall 3)"
}

execution() {
    measure 1 "$bin/pair" "$program_seconds" /bin/true -- LD_PRELOAD="$lib" /bin/true || return
    row more ms '<' 0.100 \
        "$(word pairs 0) pairs; natively $(word first 2) ms; by wall time $(word wall_more 3)"
}

# calls N [FLAG...]: how many system calls a program makes that makes N preads
calls() {
    number=$1
    shift
    strace -f -o "$temp/calls" "$@" "$bin/pread_plain" count native "$number" &&
        wc -l <"$temp/calls"
}
count_more() {
    with=$(calls 1000 -E LD_PRELOAD="$lib") && with_none=$(calls 0 -E LD_PRELOAD="$lib") &&
        without=$(calls 1000) && without_none=$(calls 0) &&
        echo "calls=$((with - with_none - without + without_none))"
}
pread_calls() {
    make_objects
    measure 1 count_more || return
    row calls '' '<=' 0 "in 1000 calls, seen by strace"
}
pread_time() {
    make_objects
    measure "$starts" env LD_PRELOAD="$lib" "$bin/pread_plain" time native "$start_seconds" || return
    row more ns '<' 5.0 \
        "$starts starts, $(word pairs 0) pairs of 1000 calls; natively $(word first 0) ns"
}

# supervised NAME UNIT TARGET: calls of a program that libps can't be preloaded into
supervised() {
    make_objects
    measure "$starts" "$bin/supervised" "$psctl" native lazy.psx 0.4 || return
    row "$1" "$2" '<' "$3" "$starts starts; a native pread of 4 KiB $(word native 2) us; by wall time"
}

make_text() {
    [ ! -e text.psx ] || return 0
    seq -f 'line %.0f of a text, which is as long as lines of texts may be' 200000 >text || stop "no text"
    "$psctl" put text -o text.psx --store "file://$data/store?direct=0" >"$temp/out" ||
        stop "no object"
}
small() { # small CALL TARGET
    make_text
    measure "$starts" env LD_PRELOAD="$lib" "$bin/small" "$1" text.psx text "$start_seconds" || return
    row ratio x '<' "$2" "$starts starts, $(word pairs 0) pairs; natively $(
        word native 0) ns; by wall time $(word wall 2)"
}

speed() { # speed RELATION TARGET DRIVER ARGUMENT...
    make_objects
    relation=$1 target=$2 driver=$3
    shift 3
    measure "$starts" env LD_PRELOAD="$lib" "$bin/$driver" "$@" "$start_seconds" || return
    row speed x "$relation" "$target" "$starts starts, $(word pairs 0) pairs; natively $(
        word native 1) GB/s; by wall time $(word wall 3)"
}

# Objects of the memory backend, which computes their bytes. The engine is said by its name, and
# one that does not work here is a row that is not measured.
lazily() { # lazily ENGINE COMMAND...
    engine=$1
    shift
    env PS_ENGINE="$engine" PS_ALLOW=memory://bench/ PS_CONFIG=/dev/null "$@"
}
first_touch() { # first_touch ENGINE TARGET [COMMAND...]: run by the command
    make_objects
    engine=$1 target=$2
    shift 2
    measure "$starts" "$@" "$bin/floor" "$engine" 4000 || return
    least=$(word floor 1)
    measure "$starts" lazily "$engine" "$@" "$bin/touch" 'memory://bench/k?computed=128M' native \
        4000 || return
    row lazy us '<=' "$target" \
        "$starts starts, $(word pairs 0) pairs; least $least us; a native fault $(word native 1) us"
}
together() { # together ENGINE
    measure 1 lazily "$1" "$bin/touchers" memory://bench/k '?computed=256M' 256 4 8000 15 || return
    row throughput x '>=' 1.5 "$(word pairs 0) pairs; one thread every $(word one 1) us"
}
first_scan() { # first_scan ENGINE
    measure 1 lazily "$1" "$bin/first_scan" 2048 7 || return
    row speed x '>=' 0.45 "$(word pairs 0) pairs; natively $(word native 1) GB/s"
}
first_strided() { # first_strided ENGINE
    measure 1 lazily "$1" env PS_BACKEND_PATH="$build/libps" "$bin/first_strided" \
        delay+memory://bench/k '?computed=64M&delay.latency=1ms&delay.bandwidth=1G' 1000 16 5 || return
    row speed x '>=' 3.0 "$(word pairs 0) pairs; without $(word without 0) us each"
}
pressure() { # pressure ENGINE
    make_objects
    measure 1 lazily "$1" env PS_MEMORY=16M "$bin/pressure" \
        'memory://bench/k?computed=128M' native 32768 9 || return
    row speed x '>=' 0.15 \
        "$(word pairs 0) pairs; natively $(word native 0) MB/s; $(word over 1) MiB over the limit"
}
many_maps() { # many_maps ENGINE
    measure "$starts" lazily "$1" "$bin/maps" 'memory://bench/k?computed=1G' 10000 || return
    row each us '<' 40.0 \
        "$starts starts; $(word create 0) to create, $(word touch 0) to touch, $(word unmap 0) to unmap"
}
own_memory() { # own_memory ENGINE
    measure 1 lazily "$1" "$bin/own" 'memory://bench/k?computed=1G' || return
    row part % '<' 0.10 "$(word idle 0) KiB before, $(word busy 0) while, $(word rest 0) after 1 GiB"
}

# redis JOB TIMES TARGET: a server of its own, by the name that redis-tools has it by
start_redis() {
    [ -z "$redis" ] || return 0
    compile redis "-L$build" -lps "-Wl,-rpath,$build" -lhiredis
    ln -s "$(command -v redis-check-rdb)" "$bin/redis-server" || stop "no redis-tools"
    "$bin/redis-server" --port 0 --unixsocket "$data/redis.sock" --save '' --dir "$temp" \
        >"$temp/redis.log" &
    redis=$!
    until redis-cli -s "$data/redis.sock" ping >"$temp/out" 2>&1; do
        kill -0 "$redis" || stop "redis-server does not start"
        sleep 0.05
    done
}
redis() {
    start_redis
    measure 1 env PS_CONFIG=/dev/null PS_ALLOW="redis://$data/redis.sock" PS_MEMORY=0 \
        "$bin/redis" "$data/redis.sock" "$1" "$2" || return
    row lazy ms '<=' "$3" "$(word pairs 0) pairs; hiredis alone $(word native 2) ms"
}

# A server of its own: nginx_folder ADDRESS MIB, then it may start with $temp/nginx/conf
nginx_folder() {
    command -v curl >/dev/null || stop "no curl"
    rm -rf "$data/www" "$temp/nginx"
    mkdir "$data/www" "$temp/nginx"
    chmod 755 "$data" "$data/www"
    head -c $(($2 * 1048576)) /dev/urandom >"$data/www/big" || stop "no room for $2 MiB"
    cat >"$temp/nginx/conf" <<END
daemon off;
pid $temp/nginx/pid;
error_log $temp/nginx/errors;
events {}
http {
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path $temp/nginx/body;
    proxy_temp_path $temp/nginx/proxy;
    fastcgi_temp_path $temp/nginx/fastcgi;
    uwsgi_temp_path $temp/nginx/uwsgi;
    scgi_temp_path $temp/nginx/scgi;
    server { listen $1; root $data/www; }
}
END
}
near() { # near COMMAND...: as measure 1, with 1 GiB at near.psx
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    export url="http://127.0.0.1:$port"
    nginx_folder "127.0.0.1:$port" 1024
    /usr/sbin/nginx -e "$temp/nginx/errors" -c "$temp/nginx/conf" -p "$temp/nginx" &
    nginx=$!
    until curl -s -o /dev/null "$url/"; do
        kill -0 "$nginx" || stop "nginx does not start"
        sleep 0.05
    done
    rm -f near.psx
    "$psctl" proxy "$url/big" -o near.psx >"$temp/out" || stop "no proxy of it"
    measure "$@"
    status=$?
    kill "$nginx"
    wait "$nginx"
    nginx=
    rm -rf www
    return $status
}
near_all() {
    near 1 sh -c 'exec "$@" "$url/big"' sh "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 dd \
        if=near.psx of=/dev/null bs=1M status=none -- curl -s -o /dev/null || return
    row wall x '>=' 1.00 "$(word pairs 0) pairs"
}
near_every() {
    near 3 env LD_PRELOAD="$lib" "$bin/every" near.psx 400 || return
    row ms ms '<=' 300 "3 runs, of every 400th page"
}

# The same far away, with 250 MB/s between: 256 MiB at big.psx, and a database and a file of HDF5 of
# that size at db.psx and h5.psx
far_folder() {
    compile link
    compile preads -pthread
    compile gets -lcurl
    nginx_folder 80 256
    "$here/../examples/make_db.sh" www/db 2400000 || stop "no database"
    python3 - <<'END' || stop "no file of HDF5"
import h5py, numpy
with h5py.File("www/h5", "w") as h5:
    for i in range(64):
        h5.create_dataset(f"group{i % 8}/set{i}", data=numpy.arange(500_000, dtype="f8") + i,
                          chunks=(50_000,), track_times=False)
END
    cat >"$bin/far" <<'END'
url=http://10.77.0.1
until curl -s -o /dev/null $url/; do sleep 0.05; done
for name in big db h5; do
    [ -e $name.psx ] || "$psctl" proxy $url/$name -o $name.psx >"$temp/out" || exit 1
done
export url
exec "$@"
END
    cat >"$bin/eight" <<'END'
size=$((256 * 1048576 / 8))
for i in 0 1 2 3 4 5 6 7; do
    curl -s -o /dev/null -r $((i * size))-$(((i + 1) * size - 1)) $url/big &
done
wait
END
    cat >"$bin/cached" <<'END'
rm -rf "$temp/cache"
for i in $(seq "$1"); do dd if=big.psx of=/dev/null bs=1M status=none & done
wait
END
    cat >"$bin/fetched" <<'END'
rm -f copy
curl -s -o copy $url/big && md5sum copy
END
    # the time of a round trip, then of COUNT reads in units of it: random COUNT THREADS
    cat >"$bin/random" <<'END'
"$bin/gets" $url/big "$1" >"$temp/trips" || exit 1
LD_PRELOAD="$lib" "$bin/preads" big.psx "$1" "$2" >"$temp/reads" || exit 1
cat "$temp/trips" "$temp/reads"
sed 's/.*=//' "$temp/trips" "$temp/reads" | tr '\n' ' ' |
    awk -v count="$1" -v threads="$2" '{ print "trips=" $2 / ($1 / count) / (count / threads) }'
END
    # its time, and what it moved
    cat >"$bin/timed" <<'END'
begin=$(date +%s%N)
LD_PRELOAD="$lib" "$@" >"$temp/said" || exit 1
echo ms=$((($(date +%s%N) - begin) / 1000000))
"$psctl" run --stats --json -- "$@" 2>&1 >"$temp/again" | tr ',' '\n' |
    sed -n 's/.*"fetched": \([0-9]*\)$/fetched=\1/p' | head -n 1
sed 's/^ms=[^ ]* //' "$temp/said" >"$temp/answer"
sed 's/^ms=[^ ]* //' "$temp/again" | cmp - "$temp/answer"
END
}
far() { # far MS STARTS COMMAND...
    if [ "$(id -u)" != 0 ] || [ ! -e /dev/net/tun ]; then
        not_measured "no network of its own can be made here"
        return 1
    fi
    [ -e "$bin/far" ] || far_folder
    ms=$1 number=$2
    shift 2
    measure "$number" env psctl="$psctl" temp="$temp" bin="$bin" lib="$lib" "$bin/link" "$ms" 250 \
        /usr/sbin/nginx -e "$temp/nginx/errors" -c "$temp/nginx/conf" -p "$temp/nginx" -- \
        sh "$bin/far" "$@"
}
far_all() { # far_all MS
    far "$1" 1 "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 dd if=big.psx of=/dev/null bs=1M \
        status=none -- sh "$bin/eight" || return
    row wall x '>=' 1.10 "$(word pairs 0) pairs"
}
far_computed() {
    far 10 1 "$bin/pair" 30 sh "$bin/fetched" -- LD_PRELOAD="$lib" PS_MEMORY=0 md5sum big.psx ||
        return
    row wall x '<=' 0.75 "$(word pairs 0) pairs"
}
far_random() { # far_random THREADS
    far 10 3 sh "$bin/random" 1000 "$1" || return
    row trips x '<=' 1.05 "3 runs; $(word ms 0) ms"
}
far_learned() { # far_learned TARGET COMMAND...
    target=$1
    shift
    rm -rf "$temp/learned"
    mkdir -m 700 "$temp/learned"
    far 10 1 env LD_PRELOAD="$lib" PS_LEARN="$temp/learned" "$@" || return
    far 10 3 env LD_PRELOAD="$lib" PS_LEARN="$temp/learned" "$@" || return
    row ms ms '<=' "$target" "3 runs"
}
far_timed() { # far_timed TARGET COMMAND...
    target=$1
    shift
    far 10 3 sh "$bin/timed" "$@" || return
    row ms ms '<=' "$target" "3 runs; $(word fetched 0 | awk '{ printf "%.2f", $1 / 1e6 }') MB moved"
}
far_cached() {
    far 10 1 "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 PS_CACHE="$temp/cache" temp="$temp" sh \
        "$bin/cached" 1 -- LD_PRELOAD="$lib" PS_MEMORY=0 PS_CACHE="$temp/cache" temp="$temp" sh \
        "$bin/cached" 8 || return
    row wall x '<=' 1.20 "$(word pairs 0) pairs"
}

# run_demo: the first job of its table, as words
run_demo() {
    "$here/../examples/demo.sh" "$build" >"$temp/demo.out" || return
    sed -n 's/^sqlite3, one id.* \([0-9.]*\)x .* \([0-9.]*\)%  yes$/sooner=\1 part=\2/p' \
        "$temp/demo.out" | grep . || {
        echo "the demo's table has no such job" >&2
        return 1
    }
}
demo() { # demo NAME UNIT RELATION TARGET: two rows, of the same runs
    if [ ! -e "$temp/demo" ]; then
        measure "$demos" run_demo || return
        echo "$words" >"$temp/demo"
    fi
    words=$(cat "$temp/demo")
    row "$@" "$demos runs"
}

echo "Linux $(uname -r), $(nproc) CPUs, load $(cut -d ' ' -f 1 /proc/loadavg)," \
    "data on $(stat -f -c %T .), $("$psctl" doctor | grep '^engine:')"
printf '%-44s %-10s %-15s %8s\n' "what, with libps against without" figure "[median in]" target

try "sqlite3 without a proxy: time" program make_db sqlite3 -readonly db \
    'select count(*), avg(value), max(length(note)) from t'
try "tar without a proxy: time" program make_tree tar -cf - tree/0
try "git status without a proxy: time" program make_repository git -C tree status --short
try "python3 -c pass without a proxy: time" program : python3 -c pass
try "exec of /bin/true: more time" execution
try "pread of what is no proxy: more system calls" pread_calls
try "pread of what is no proxy: more time" pread_time
try "supervised, getppid: time of native" supervised getppid x 1.50
try "supervised, pread of what is no proxy: time" supervised pread x 1.50
try "supervised, pread of an object: each" supervised seen us 4.00
try "resolved, pread of a byte: time" small pread 2.50
try "resolved, fgets of a line: time" small fgets 1.35
try "resolved, read by 1 MiB: speed" speed '>=' 0.95 seqread lazy.psx native 1048576
try "resolved, read by 4 KiB: speed" speed - 0.00 seqread lazy.psx native 4096
try "resolved, later scans of a lazy map: speed" speed '>=' 1.00 map_scan lazy lazy.psx native
try "direct, read by 1 MiB: speed" speed '>=' 1.00 seqread direct.psx native 1048576
try "direct, read by 4 KiB: speed" speed '>=' 1.00 seqread direct.psx native 4096
try "direct, scans of mmap: speed" speed '>=' 1.00 map_scan mmap direct.psx native
for engine in uffd segv; do
    touch_target=7.0
    [ $engine = uffd ] || touch_target=9.0
    try "$engine, first touch of a random page: time" first_touch $engine $touch_target
    try "$engine, the same, bound to one core" first_touch $engine $touch_target taskset -c 0
    try "$engine, first touches by 4 threads" together $engine
    try "$engine, first scan of 2 GiB: speed" first_scan $engine
    try "$engine, first strided scan, 1 ms away" first_strided $engine
    try "$engine, random, 8 x PS_MEMORY: speed" pressure $engine
    try "$engine, 10000 maps: each" many_maps $engine
    try "$engine, own memory" own_memory $engine
done
try "redis, first touch of 1 KB: time" redis touch 1000 0.040
try "redis, 10 MB of 1 GB: time" redis part 15 20.0
try "redis, put of 100 MB: time" redis put 15 90.0
try "redis, all of 100 MB: time" redis all 15 110.0
try "http, 1 GiB of nginx by dd: rate of curl's" near_all
try "http, 1 GiB of nginx, 655 pages by mmap: time" near_every
try "http, 10 ms away, all: rate of eight ranges'" far_all 10
try "http, 50 ms away, all: rate of eight ranges'" far_all 50
try "http, 10 ms away, md5sum: time of fetch, then run" far_computed
try "http, 10 ms away, a random pread: round trips" far_random 1
try "http, 10 ms away, by 8 threads" far_random 8
try "http, 10 ms away, 1000 preads, learned: time" far_learned 500 "$bin/preads" big.psx 1000 1
# 655 touches of 1.05 round trips of 10 ms
try "http, 10 ms away, every 100th page by mmap" far_timed 6878 "$bin/every" big.psx 100
try "http, 10 ms away, the same, learned: time" far_learned 600 "$bin/every" big.psx 100
try "http, 10 ms away, sqlite3, 1 row: time" far_timed 130 sqlite3 -readonly db.psx \
    'select note from t where id = 1234567'
try "http, 10 ms away, sqlite3, 20 rows: time" far_timed 750 sqlite3 -readonly db.psx \
    "select note from t where id in ($(seq -s , 100007 111111 2300000))"
try "http, 10 ms away, sqlite3, 10000 rows: time" far_timed 400 sqlite3 -readonly db.psx \
    'select sum(value), count(*) from t where id between 1000000 and 1009999'
try "http, 10 ms away, h5ls of 64 datasets: time" far_timed 200 h5ls -r h5.psx
try "http, 10 ms away, 8 with a cache: time of one" far_cached
try "demo, query by the index: sooner than copying" demo sooner x '>=' 20
try "demo, query by the index: part of the bytes" demo part % '<' 3.0

[ -n "$tried" ] || stop "no figure is called \"$only\""
exit $failed
