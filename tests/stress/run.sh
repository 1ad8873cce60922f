#!/bin/sh
# run.sh [--valgrind] BUILD_DIR [SECONDS [SEED]]: the stress of lazy maps, as root and as nobody
#
# BUILD_DIR is a build with SAN=thread (make check-tsan), or any other. Each
# engine runs with a store that answers at once, one that makes workers wait, and
# with two that often fail, each for SECONDS (default 2) without and for as long
# with forks. SEED is that of the first run, and one more for each; without it
# they differ from time to time. Whatever a sanitizer reports is a failure. In
# valgrind there is one engine. The last line is the sum of all.
set -u

. "$(dirname "$0")/../tools/valgrind.sh"
. "$(dirname "$0")/../tools/asan.sh"
engines='uffd uffd-user segv'
if [ "${1:-}" = --valgrind ]; then
    engines=segv
    shift
else
    VALGRIND=
fi
[ $# -ge 1 ] && [ $# -le 3 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
seconds=${2:-2}
seed=${3:-$(date +%s)}
cd "$(dirname "$0")/../.." || exit 2
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
passed=0 failed=0 skipped=0

# ThreadSanitizer and the hooks of libc don't go together: there the objects without them.
library=$build/libps.so.1
flags=
if nm "$library" | grep -q ' __tsan_init'; then
    flags="-fsanitize=thread -DWITHOUT_SHIM"
    library="$(find runtime backends/file backends/memory -name '*.c' | sed "s|^|$build/|; s|c$|o|") -ldl"
elif nm "$library" | grep -q ' __asan_init'; then
    # its malloc may be locked for ever in a child of threads that are at work
    flags="-fsanitize=address,undefined -DWITHOUT_FORKS"
fi
# shellcheck disable=SC2086 # words
${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -Iinclude -Iruntime \
    tests/stress/*.c $flags $library -pthread -Wl,-rpath,"$temp" -o "$temp/stress" || exit 1
cp -r "$build/libps.so.1" "$build/libps" "$temp" # nobody may not see the build
chmod -R a+rX "$temp"

# history_size: the reports then have both stacks. The children of fork() start threads again.
export TSAN_OPTIONS="halt_on_error=1:die_after_fork=0:history_size=4:${TSAN_OPTIONS:-}"
# the stress jumps out of its handler: frames that AddressSanitizer keeps elsewhere stay marked as left
export ASAN_OPTIONS="halt_on_error=1:detect_stack_use_after_return=0:$ASAN_TLS"
export HOME="$temp/home" PS_CONFIG=/dev/null

# try USER ENGINE URI COMMAND...
try() {
    user=$1 engine=$2 uri=$3
    shift 3
    # shellcheck disable=SC2086 # words
    PS_ENGINE=$engine PS_BACKEND_PATH=$temp/libps PS_ALLOW="memory://x/ memory://y/" PS_MEMORY=32M \
        timeout -k 5 $((60 + 10 * seconds)) "$@" $VALGRIND "$temp/stress" "$uri" "$seconds" "$seed" >"$temp/log" 2>&1
    status=$?
    seed=$((seed + 1))
    echo "$user, $engine, ${uri%%:*}: $(grep -av '^libps' "$temp/log" | tail -n 1)"
    if [ $status = 77 ]; then
        echo "skipped: $user, $engine: $(tail -n 1 "$temp/log")"
        skipped=$((skipped + 1))
    elif [ $status != 0 ] || grep -aq 'Sanitizer' "$temp/log"; then
        grep -av '^libps' "$temp/log" | head -n 60
        echo "FAILED: $user, $engine: status $status"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}
for engine in $engines; do
    for uri in 'memory://x/key?computed=65535K' \
        'delay+memory://x/key?computed=65535K&delay.latency=30us' \
        'fail+memory://x/key?computed=65535K&fail.mode=error&fail.every=7' \
        'fail+memory://x/key?computed=65535K&fail.mode=short&fail.every=5'; do
        case $flags$uri in
        *thread*fail+*)
            # its own handlers stand before the program's, and a touch that fails ends it
            echo "skipped: $engine: failures under ThreadSanitizer"
            skipped=$((skipped + 1))
            continue
            ;;
        esac
        case $flags$uri in
        *thread*delay+*)
            # the module's libps.so is not the one that is linked here, and its locks are others
            echo "skipped: $engine: modules under ThreadSanitizer"
            skipped=$((skipped + 1))
            continue
            ;;
        esac
        try "$(id -un)" $engine "$uri" env
        [ "$(id -u)" != 0 ] || try nobody $engine "$uri" \
            setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups
    done
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
