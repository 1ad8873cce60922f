#!/bin/sh
# run.sh BUILD_DIR [--only REGEX]
#
# The figures of libps in one table, each of two things that are measured in
# turn; README.md says how. A figure is met when it reaches its target, rounded
# as that is; one that is not is a report and no failure. Status 1: something
# could not be measured, or an answer was wrong.
# shellcheck source-path=SCRIPTDIR disable=SC2317,SC2034,SC2016 # what try calls, what the parts use
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

need=1800 # MB, in the folder of the data

for variable in $(env | sed -n 's/^\(\(PS\|GIT\|AWS\|RCLONE\)_[A-Z0-9_]*\)=.*/\1/p
    s/^\(PYTHON[A-Z]*\)=.*/\1/p') LD_PRELOAD XDG_CONFIG_HOME XDG_DATA_HOME TAR_OPTIONS; do
    unset "$variable"
done
PATH=/usr/local/bin:/usr/bin:/bin # no script that stands for a program
PYTHONHASHSEED=0 GIT_CONFIG_NOSYSTEM=1 GIT_OPTIONAL_LOCKS=0 LC_ALL=C
export PATH PYTHONHASHSEED GIT_CONFIG_NOSYSTEM GIT_OPTIONAL_LOCKS LC_ALL
temp=$(mktemp -d) || exit 1
data='' tried='' redis='' nginx='' swift=''
trap 'rm -rf "$temp" ${data:+"$data"}; [ -z "$redis$nginx$swift" ] || kill $redis $nginx $swift' EXIT
trap 'exit 130' INT TERM HUP PIPE
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
    [ ! -e "$bin/$driver" ] || return 0
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

. "$here/table.sh"
. "$here/local.sh"
. "$here/remote.sh"

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
try "http, 10 ms away, md5sum: time of fetch, then run" far_computed big md5sum
try "http, 10 ms away, samtools flagstat: the same" far_computed bam samtools flagstat
try "http, 10 ms away, a random pread: round trips" far_random 1
try "http, 10 ms away, by 8 threads" far_random 8
try "http, 10 ms away, 1000 preads, learned: time" far_learned 500 "$bin/preads" big.psx 1000 1
# 655 touches of 1.05 round trips of 10 ms
try "http, 10 ms away, every 100th page by mmap" far_timed 6878 big '"$bin/every" "$file" 100'
try "http, 10 ms away, the same, learned: time" far_learned 600 "$bin/every" big.psx 100
try "http, 10 ms away, sqlite3, 1 row: time" far_timed 130 db \
    'sqlite3 -readonly "$file" "select note from t where id = 1234567"'
try "http, 10 ms away, sqlite3, 20 rows: time" far_timed 750 db \
    'sqlite3 -readonly "$file" "select note from t where id in ($(seq -s , 100007 111111 2300000))"'
try "http, 10 ms away, sqlite3, 10000 rows: time" far_timed 400 db 'sqlite3 -readonly "$file" \
    "select sum(value), count(*) from t where id between 1000000 and 1009999"'
try "http, 10 ms away, h5ls of 64 datasets: time" far_timed 200 h5 'h5ls -r $driver "$file"'
try "http, 10 ms away, 8 with a cache: time of one" far_cached
try "s3, 256 MiB of Swift by dd: rate of curl's" s3_all
try "s3, a random pread: requests of libcurl's" s3_random
try "demo, query by the index: sooner than copying" demo sooner x '>=' 20
try "demo, query by the index: part of the bytes" demo part % '<' 3.0

[ -n "$tried" ] || stop "no figure is called \"$only\""
exit $failed
