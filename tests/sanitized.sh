#!/bin/sh
# sanitized.sh address|thread BUILD_DIR: the tests that need no preload, in a build with sanitizers
#
# BUILD_DIR is a build with SAN=address or SAN=thread (make check-asan,
# check-tsan). Whatever a sanitizer reports is a failure, also where the test
# itself passed. The last line is the sum of all.
set -u

usage() {
    sed -n '2s/^# /usage: /p' "$0" >&2
    exit 2
}
[ $# = 2 ] || usage
build=$(cd "$2" && pwd) || exit 2
case $1 in
address)
    name=__asan_init
    . "$(dirname "$0")/tools/asan.sh"
    export ASAN_OPTIONS="halt_on_error=1:detect_stack_use_after_return=1:log_exe_name=1:$ASAN_TLS:${ASAN_OPTIONS:-}"
    export UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1:${UBSAN_OPTIONS:-}"
    ;;
thread)
    name=__tsan_init
    # The library's children of fork() may start threads again.
    export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:die_after_fork=0:${TSAN_OPTIONS:-}"
    ;;
*) usage ;;
esac

temp=$(mktemp -d) || exit 2
# what Criterion keeps to its end is not ours
echo 'leak:libcriterion' >"$temp/lsan"
export LSAN_OPTIONS="suppressions=$temp/lsan:print_suppressions=0:${LSAN_OPTIONS:-}"
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
mkdir "$temp/home"
export HOME="$temp/home"
. "$(dirname "$0")/tools/count.sh"

# A build without the sanitizer would find nothing.
if ! nm "$build/unit-tests" | grep -q "$name"; then
    fail "$build/unit-tests was built without SAN=$1"
    finish
fi

# silent NAME: no sanitizer said anything; leaks of Criterion's own memory don't count
silent() {
    awk '/ERROR: AddressSanitizer|WARNING: ThreadSanitizer|: runtime error:/ { print }
         / leak of .* allocated from:/ { leak = $0; getline; getline
             if ($0 !~ /libcriterion/) print leak $0 }' "$temp/log" >"$temp/reports"
    if [ -s "$temp/reports" ]; then
        cat "$temp/reports"
        fail "$1: reports of the sanitizer"
    fi
}

# Criterion keeps what its processes share at an address that rand_r() chooses.
# ThreadSanitizer allows few; this one chooses among those (x86-64).
preload=
if [ "$1" = thread ] && [ "$(uname -m)" = x86_64 ]; then
    preload=$temp/rand_r.so
    echo 'int rand_r(unsigned *seed)
    {
        *seed = *seed * 1103515245 + 12345;
        return 0x350000 + *seed / 65536; /* 0x200000000000 + (this << 24) is its address */
    }' | ${CC:-cc} -shared -fPIC -x c - -o "$preload" || exit 2
fi
show units env LD_PRELOAD="$preload" "$build/unit-tests" -j2 --timeout 600 --verbose --color=never
count_criterion "unit tests, $1"
silent "unit tests, $1"

# try NAME COMMAND...: a program that passes when its status is 0
try() {
    show "$@"
    if [ "$status" = 0 ]; then
        add "$1" 1 0 0
    else
        echo "FAILED: $1: status $status"
        add "$1" 0 1 0
    fi
    silent "$1"
}
try "board new" "$build/tests/board" new "$temp/board"
try "board show" "$build/tests/board" show "$temp/board"
try without-uffd "$build/tests/without-uffd" true
try psctl "$build/psctl" doctor

show "the stress of lazy maps" "$(dirname "$0")/stress/run.sh" "$build"
count_sums "the stress of lazy maps"
if [ "$1" = address ]; then
    show "programs with one habit" "$(dirname "$0")/shim/run.sh" "$build" --mode "uffd segv"
    count_sums "programs with one habit"
fi
finish
