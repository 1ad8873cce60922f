#!/bin/sh
# run.sh BUILD_DIR [REGEX]: test suites that come with Debian's packages, run natively and with libps preloaded
#
# No proxy is near: libps must not be noticed. Each test must have the result that it has natively,
# whatever that is. A program whose results differ is run both ways once more, alone, for there are
# tests that want a quiet machine; what differs then, too, has failed. Root runs them as nobody: some
# try on the system what only root may do. KEEP=1 keeps what they printed.
set -eu

[ $# = 1 ] || [ $# = 2 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
umask 022
TEMP=$(mktemp -d)
clean_up() {
    if [ -n "${KEEP:-}" ]; then
        echo "kept: $TEMP"
    else
        chmod -R u+rwX "$TEMP"
        rm -rf "$TEMP"
    fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM PIPE
LIB=$TEMP/libps.so.1 LIST=$TEMP/list
cp "$build/libps.so.1" "$LIB"
cp "$here/results.py" "$TEMP"
chmod 755 "$TEMP"
USER_OF=
if [ "$(id -u)" = 0 ]; then
    USER_OF="setpriv --reuid=nobody --regid=$(id -g nobody) --clear-groups"
fi
grep -v '^#\|^$' "$here/list" | grep -E -e "${2:-.}" >"$LIST" || { echo "nothing matches $2" >&2; exit 2; }
export LIB LIST TEMP USER_OF

passed=0 failed=0 skipped=0 tests=0

if ! LD_PRELOAD=$LIB cat /proc/self/maps | grep -q "$LIB"; then
    echo "FAILED: $LIB can't be preloaded"
    exit 1
fi
for kind in unittest glib; do
    case $kind in
    unittest) /usr/bin/python3 -c 'import test.test_os' 2>/dev/null && continue ;;
    glib) [ ! -x /usr/libexec/installed-tests/glib/fileutils ] || continue ;;
    esac
    echo "skipped: suites of $kind: not installed"
    skipped=$((skipped + $(grep -c "^$kind " "$LIST" || true)))
    sed -i "/^$kind /d" "$LIST"
done

# both ways, N: are there results, and the same?
same() {
    [ "$(wc -l <"$TEMP/$1.native")" -gt 1 ] && cmp -s "$TEMP/$1.native" "$TEMP/$1.preloaded"
}

numbers=$(seq "$(wc -l <"$LIST")")
for n in $numbers; do
    echo "$n native" && echo "$n preloaded"
done | xargs -P $(($(nproc) + 2)) -L 1 "$here/one.sh" || true
for n in $numbers; do
    if ! same "$n"; then
        echo "note: $(sed -n "${n}p" "$LIST"): once more, alone"
        "$here/one.sh" "$n" native
        "$here/one.sh" "$n" preloaded
    fi
    if same "$n"; then
        passed=$((passed + 1))
        tests=$((tests + $(wc -l <"$TEMP/$n.native") - 1))
    else
        echo "FAILED: $(sed -n "${n}p" "$LIST"): natively (<) and preloaded (>)"
        diff "$TEMP/$n.native" "$TEMP/$n.preloaded" | head -n 20 | sed 's/^/    /'
        tail -n 5 "$TEMP/$n.preloaded.said" | sed 's/^/    /'
        failed=$((failed + 1))
    fi
done
echo "$tests tests of $passed programs gave what they give natively"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
