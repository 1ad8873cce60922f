#!/bin/sh
# run.sh BUILD_DIR [SECONDS]: what libps needs fails once, in every place; and the stress for SECONDS
#
# Each call of a backend fails, stalls and lies once; each allocation of the
# library fails once, and each of its system calls that may; then
# tests/stress/run.sh with SECONDS (default 1). With each engine, as root and as
# nobody. The last line is the sum of all.
set -u

[ $# = 1 ] || [ $# = 2 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
seconds=${2:-1}
cd "$(dirname "$0")/../.." || exit 2
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
. tests/tools/count.sh

cp -r "$build/libps.so.1" "$build/libps" "$temp" # nobody may not see the build
mkdir "$temp/runs"
${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -Iinclude tests/torture/once.c \
    tests/torture/fail_call.c "$temp/libps.so.1" -Wl,-rpath,"$temp" -ldl -o "$temp/once" || exit 1
${CC:-cc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -fPIC -shared tests/torture/nth.c -ldl \
    -o "$temp/nth.so" || exit 1
chmod -R a+rX "$temp"
chmod 1777 "$temp/runs"
export PS_CONFIG=/dev/null PS_BACKEND_PATH="$temp/libps" HOME="$temp/home"

# once USER ENGINE OPTIONS [VARIABLE=VALUE]: one run; its status is in $status
once() {
    wrap=
    [ "$1" = "$(id -un)" ] || wrap="setpriv --reuid=$1 --regid=$(id -g "$1") --clear-groups"
    folder=$(mktemp -d "$temp/runs/XXXXXX") && chmod 777 "$folder"
    # shellcheck disable=SC2086 # words
    PS_ENGINE=$2 PS_ALLOW=$folder timeout -k 5 60 $wrap env ${4:-} "$temp/once" \
        "fail+file://$folder/store?direct=0$3" "$folder" >"$temp/log" 2>&1
    status=$?
    rm -rf "$folder"
}

# each USER ENGINE WHAT: fails its first, second, third ... until ten in a row meet nothing
each() {
    user=$1 engine=$2 what=$3 number=0 quiet=0 met=0 most=10
    [ "$what" != stall ] || most=40 # it is only waited for, and never met
    while [ $quiet -lt $most ]; do
        number=$((number + 1))
        case $what in
        allocations) once "$user" "$engine" '' "LD_PRELOAD=$temp/nth.so NTH=$number" ;;
        *) once "$user" "$engine" "&fail.at=$number&fail.mode=$what&fail.stall=20ms" ;;
        esac
        case $status in
        0) quiet=$((quiet + 1)) ;;
        3) quiet=0 met=$((met + 1)) ;;
        *)
            fail "$user, $engine, $what, number $number: status $status"
            grep -a 'once:' "$temp/log" || tail -n 3 "$temp/log"
            quiet=0
            [ $number -lt 500 ] || return
            ;;
        esac
    done
    if [ $met = 0 ] && [ "$what" != stall ]; then
        fail "$user, $engine, $what: nothing failed"
    fi
    echo "$user, $engine, $what: $met of $number"
    passed=$((passed + number))
}

# each_call USER ENGINE NAME: the same for a system call, until it is not made so often
each_call() {
    number=0 status=0
    while [ $number -lt 25 ] && [ $status != 99 ]; do
        number=$((number + 1))
        once "$1" "$2" '' "FAIL_CALL=$3:$number"
        case $status in
        0 | 3 | 99) passed=$((passed + 1)) ;;
        77) skip "$1, $2, $3: system calls can't be watched" && return ;;
        *)
            fail "$1, $2, $3, number $number: status $status"
            grep -a 'once:' "$temp/log" || tail -n 3 "$temp/log"
            ;;
        esac
    done
    [ $number -gt 1 ] || case $2$3 in
        segvioctl) ;; # has none
        *) fail "$1, $2, $3: never made" ;;
    esac
    echo "$1, $2, $3: $number"
}

users=$(id -un)
[ "$(id -u)" != 0 ] || users="$users nobody"
for user in $users; do
    for engine in uffd uffd-user segv; do
        once "$user" "$engine" ''
        if [ $status = 3 ] || grep -q 'does not work here' "$temp/log"; then
            skip "$user, $engine: $(grep -a 'does not work here' "$temp/log" | head -n 1)"
            continue
        fi
        for what in error short stale wrong-length stall allocations; do
            each "$user" $engine $what
        done
        for call in mmap mprotect memfd_create ftruncate fallocate pwrite64 pread64 openat fcntl \
            newfstatat ioctl; do
            each_call "$user" $engine $call
        done
    done
done
show "the stress of lazy maps" tests/stress/run.sh "$build" "$seconds"
count_sums "the stress of lazy maps"
finish
