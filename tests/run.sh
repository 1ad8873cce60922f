#!/usr/bin/env bash
# run.sh BUILD_DIR: all tests and gates, as `make check` runs them
#
# Builds, then runs the gates, the unit tests (as root also as nobody) and the
# suites that have a run.sh. Status 1 when anything failed, or when a part ran
# no test. The last line is the sum of all. Not as root: what is possible.
set -u

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/.." || exit 2
${MAKE:-make} -j"$(nproc)" O="$1" all tests || exit 1
build=$(cd "$1" && pwd) || exit 2

# Nothing of the caller's configuration, and nothing of the tests in it.
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
for variable in $(env | sed -n 's/^\(PS_[A-Z_]*\)=.*/\1/p') LD_PRELOAD XDG_CONFIG_HOME \
    XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME MAKEFLAGS MAKELEVEL MFLAGS; do
    unset "$variable"
done
mkdir "$temp/home"
chmod 755 "$temp"
export HOME="$temp/home"
. tests/tools/count.sh

heading() {
    printf '\n== %s\n' "$1"
}

# suite NAME SCRIPT [ARG...]: a script that ends with its own sum
suite() {
    heading "$1"
    show "$@"
    count_sums "$1"
}

for gate in tests/gates/*.sh; do
    [ -x "$gate" ] || continue
    show "$gate" "$gate" "$build"
    case $status in
    0) passed=$((passed + 1)) ;;
    77) skipped=$((skipped + 1)) && keep_skips "$gate" ;;
    *) echo "FAILED: $gate" && failed=$((failed + 1)) ;;
    esac
done
[ $((passed + failed)) != 0 ] || fail "gates: none was run"

# The unit tests look for modules beside themselves, and nobody may not see the build.
mkdir "$temp/build" "$temp/build/tests"
cp "$build/unit-tests" "$build/libps.so.1" "$build/psctl" "$temp/build"
cp -r "$build/libps" "$temp/build"
find "$build/tests" -maxdepth 1 -type f -exec cp -t "$temp/build/tests" {} +
chmod -R a+rX "$temp/build"
units() {
    heading "$1"
    show "$@" -j2 --timeout 120 --verbose --color=never
    count_criterion "$1"
}
units "unit tests, $(id -un)" "$temp/build/unit-tests"
if [ "$(id -u)" = 0 ]; then
    mkdir "$temp/home/nobody"
    chown nobody "$temp/home/nobody"
    units "unit tests, nobody" setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups \
        env HOME="$temp/home/nobody" USER=nobody "$temp/build/unit-tests"
else
    heading "unit tests, root and nobody"
    skip "unit tests: only root can run them as root and as nobody"
fi

# beside FILE FUNCTION: suites while others run, for most wait most of the time; see collect
beside() {
    local file=$1
    set -m # a group of their own, which can be ended, and in which interrupts are not ignored
    (
        temp=$file.temp
        mkdir "$temp"
        . tests/tools/count.sh
        "$2"
        cp "$temp/skips" "$file.skips"
        cp "$temp/failures" "$file.failures"
        echo "$passed $failed $skipped" >"$file.sums"
    ) >"$file" 2>&1 &
    set +m
    beside="$beside -$!"
}

# collect FILE: show what they said, and count it
collect() {
    cat "$1"
    cat "$1.skips" >>"$temp/skips"
    cat "$1.failures" >>"$temp/failures"
    read -r more_passed more_failed more_skipped <"$1.sums" || fail "the suites beside the others"
    passed=$((passed + ${more_passed:-0})) failed=$((failed + ${more_failed:-0}))
    skipped=$((skipped + ${more_skipped:-0}))
}

first_lane() {
    suite "tests/remote/run.sh, $(id -un)" env USERS="$(id -un)" tests/remote/run.sh "$build"
}

second_lane() {
    suite tests/cli/run.sh tests/cli/run.sh "$build"
    suite tests/suites/run.sh tests/suites/run.sh "$build"
    [ "$(id -u)" != 0 ] ||
        suite "tests/remote/run.sh, nobody" env USERS=nobody tests/remote/run.sh "$build"
}

beside=
beside "$temp/first" first_lane
beside "$temp/second" second_lane
# shellcheck disable=SC2086 # words
trap 'kill -- $beside 2>/dev/null; exit 130' INT TERM PIPE
suite tests/shim/run.sh tests/shim/run.sh "$build"
suite tests/programs/run.sh tests/programs/run.sh "$build"
wait
collect "$temp/first"
collect "$temp/second"
suite "tests/shim/run.sh, huge pages" tests/shim/run.sh "$build" --only huge_pages

heading "all"
finish
