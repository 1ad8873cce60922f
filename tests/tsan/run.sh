#!/bin/sh
# run.sh BUILD_DIR [SECONDS]: the stress of lazy maps, with each engine, as root and as nobody
#
# BUILD_DIR is a build with SAN=thread (make check-tsan), or any other. Each
# engine runs twice for SECONDS (default 5), without and with forks. Whatever a
# sanitizer reports is a failure. The last line is the sum of all.
set -u

[ $# = 1 ] || [ $# = 2 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
seconds=${2:-5}
cd "$(dirname "$0")/../.." || exit 2
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0 skipped=0

# ThreadSanitizer and the hooks of libc don't go together: there the objects without them.
library=$build/libps.so.1
flags=
if nm "$library" | grep -q ' __tsan_init'; then
    flags="-fsanitize=thread -DWITHOUT_SHIM"
    library="$(find runtime backends/file backends/memory -name '*.c' | sed "s|^|$build/|; s|c$|o|") -ldl"
elif nm "$library" | grep -q ' __asan_init'; then
    flags=-fsanitize=address,undefined
fi
# shellcheck disable=SC2086 # words
${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -O1 -g -Iinclude -Iruntime \
    tests/tsan/stress.c $flags $library -pthread -Wl,-rpath,"$temp" -o "$temp/stress" || exit 1
cp "$build/libps.so.1" "$temp" # nobody may not see the build
chmod -R a+rX "$temp"

# history_size: the reports then have both stacks. The children of fork() start threads again.
export TSAN_OPTIONS="halt_on_error=1:die_after_fork=0:history_size=4:${TSAN_OPTIONS:-}"
export HOME="$temp/home" PS_CONFIG=/dev/null

# try USER ENGINE COMMAND...
try() {
    user=$1 engine=$2
    shift 2
    PS_ENGINE=$engine timeout -k 5 $((60 + 10 * seconds)) "$@" "$temp/stress" \
        'memory://x/key?computed=64M' "$seconds" >"$temp/log" 2>&1
    status=$?
    echo "$user, $engine: $(grep -av '^libps' "$temp/log" | tail -n 1)"
    if [ $status = 77 ]; then
        skipped=$((skipped + 1))
    elif [ $status != 0 ] || grep -aq 'Sanitizer' "$temp/log"; then
        head -n 60 "$temp/log"
        echo "FAILED: $user, $engine: status $status"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}
for engine in uffd uffd-user segv; do
    try "$(id -un)" $engine env
    if [ "$(id -u)" = 0 ]; then
        try nobody $engine setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
