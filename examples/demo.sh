#!/bin/sh
# demo.sh BUILD_DIR: unmodified programs on proxies, beside the same after a plain copy
#
# Works in a folder of its own below ${TMPDIR:-/tmp}, which is removed at the
# end, with a HOME of its own. Status 1 when an answer differs.
set -u

latency=10ms
bandwidth=100M
need=1500 # MB, in the folder

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
here=$(cd "$(dirname "$0")" && pwd) || exit 2
psctl=$build/psctl

for variable in $(env | sed -n 's/^\(PS_[A-Z_]*\)=.*/\1/p') LD_PRELOAD XDG_CONFIG_HOME \
    XDG_DATA_HOME; do
    unset "$variable"
done
LC_ALL=C
export LC_ALL
temp=$(mktemp -d "${TMPDIR:-/tmp}/libps-demo.XXXXXX") || exit 1
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM HUP PIPE
HOME=$temp/home
export HOME
mkdir "$HOME" "$temp/store"
cd "$temp" || exit 1

say() {
    printf '   %s\n' "$*"
}

stop() {
    echo "demo: $*" >&2
    exit 1
}

now() {
    date +%s%N
}

# elapsed BEGIN: seconds since then
elapsed() {
    awk -v begin="$1" -v end="$(now)" 'BEGIN { printf "%.3f", (end - begin) / 1e9 }'
}

compile() {
    say "${CC:-cc} $1.c"
    # shellcheck disable=SC2046 # the flags are words
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror "$here/$1.c" -o "$1" \
        $(shift && [ $# = 0 ] || "$@") || stop "$1.c does not compile"
}

# lazy_flags: pkg-config's flags, of the build folder in place of an installation
lazy_flags() {
    sed "s|@LIBDIR@|$build|; s|@INCLUDEDIR@|$here/../include|; s|@PREFIX@|/|; s|@VERSION@|0|" \
        "$here/../libps.pc.in" >libps.pc
    PKG_CONFIG_PATH=$temp ${PKG_CONFIG:-pkg-config} --cflags --libs libps || stop "no pkg-config"
    echo "-Wl,-rpath,$build"
}

# store FILE: into the store, past the delay; the proxy is of the store behind it
store() {
    size=$(stat -c %s "$1")
    "$psctl" put --store "file://$temp/store" --key "$1" -o plain.psx "$1" >/dev/null &&
        "$psctl" proxy -o "$1.psx" \
            "delay+file://$temp/store/$1?delay.latency=$latency&delay.bandwidth=$bandwidth" \
            >/dev/null || stop "no proxy of $1"
    rm "$1"
    say "$1: $(((size + 500000) / 1000000)) MB in the store, $1.psx: $(stat -c %s "$1.psx") bytes"
}

# total NAME: a number of the JSON that psctl run has left
total() {
    tail -n 1 stats | sed -n "s/.*\"total\": {[^}]*\"$1\": \([0-9]*\).*/\1/p"
}

# job TITLE FILE COMMAND...: with FILE as a copy, and with FILE.psx; "@" in COMMAND is FILE
differ=0
job() {
    title=$1
    file=$2
    shift 2
    say "$title"

    begin=$(now)
    "$psctl" get "$file.psx" -o "$file" || stop "$file can't be copied"
    substitute "$file" "$@" >native.out
    native_status=$?
    native_time=$(elapsed "$begin")
    rm -f "$file"

    begin=$(now)
    substitute "$file.psx" "$psctl" run --stats --json -- "$@" >lazy.out 2>stats
    lazy_status=$?
    lazy_time=$(elapsed "$begin")

    equal=yes
    if ! cmp -s native.out lazy.out || [ $native_status != $lazy_status ] ||
        [ $native_status != 0 ]; then
        equal=NO
        differ=1
    fi
    moved=$(total fetched)
    size=$(total size)
    awk -v title="$title" -v native="$native_time" -v lazy="$lazy_time" -v moved="${moved:-0}" \
        -v size="${size:-0}" -v equal="$equal" 'BEGIN {
            printf "%-30s %10.2f %9.2f %7.1fx %9.2f of %3.0f MB %8.2f%%  %s\n", title, native,
                lazy, native / lazy, moved / 1e6, size / 1e6, size ? 100 * moved / size : 0, equal
        }' >>table
    [ $equal = yes ] || sed 's/^/      /' stats >&2
}

# substitute FILE COMMAND...: runs COMMAND with FILE in place of "@"
substitute() {
    replacement=$1
    shift
    for word do
        shift
        [ "$word" != @ ] || word=$replacement
        set -- "$@" "$word"
    done
    "$@"
}

free=$(df -Pk "$temp" | awk 'NR == 2 { print int($4 / 1000) }')
[ "$free" -ge $need ] ||
    stop "$temp has $free MB free, $need are needed; set TMPDIR to a folder that has them"

echo "== making the data in $temp"
compile make_mesh
compile mesh_sim
compile lazy_map lazy_flags
"$here/make_db.sh" big.db || stop "no database"
store big.db
awk 'BEGIN { for (i = 1; i <= 2600000; i++)
    printf "%08d node %04d step %06d of the run finished with status ok and residual %.6f\n",
        i, i % 1021, i / 100, 1 / i }' >log.txt || stop "no text"
store log.txt
./make_mesh mesh.bin 256 256 128 || stop "no mesh"
store mesh.bin

echo "== the store: a local folder behind a delay, which makes every request wait $latency and"
echo "   all bytes pass one link of $bandwidth (MiB) a second; no network is involved"
echo "== the jobs: each after a copy through that delay (psctl get), then on the proxy (psctl run)"
job "sqlite3, one id by the index" big.db \
    sqlite3 -readonly @ 'select * from t where id = 4711'
job "sqlite3, average of 500 ids" big.db \
    sqlite3 -readonly @ 'select count(*), avg(value) from t where id between 1000001 and 1000500'
job "grep -c, the whole text" log.txt grep -c 'node 0042 .* ok' @
job "grep -m1, an early stop" log.txt grep -m1 'node 0999' @
job "mesh_sim, 8 of 128 planes" mesh.bin ./mesh_sim @ 60 8 20

echo
printf '%-30s %10s %9s %8s %19s %9s  %s\n' job "copy first" libps ratio "bytes moved" percent "equal"
cat table
echo
echo "a pointer, as in examples/lazy_map.c:"
echo "   \$ lazy_map mesh.bin.psx 123456"
./lazy_map mesh.bin.psx 123456 >lazy.out || differ=1
sed 's/^/   /' lazy.out
if [ $differ = 0 ]; then
    echo "all answers are equal"
else
    echo "demo: answers differ, see NO above" >&2
fi
exit $differ
