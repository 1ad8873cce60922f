#!/bin/sh
# man.sh BUILD_DIR: the manual pages are well-formed, and each public function has one
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../../docs/man"

fail() {
    echo "man: $1"
    exit 1
}

for page in *.[137]; do
    target=$(sed -n '1s/^\.so man[137]\///p' "$page")
    [ -z "$target" ] || [ -f "$target" ] || fail "$page leads to $target, which is not there"
done

# A function's page is one whose NAME says so, itself or by a link.
for name in $(nm -D --defined-only "$build/libps.so.1" | sed -n 's/.* \(ps_[a-z_]*\)@@.*/\1/p'); do
    [ -f "$name.3" ] || fail "$name has no page"
    target=$(sed -n '1s/^\.so man[137]\///p' "$name.3")
    grep -q "^\.\(Nm\|Fn\) $name\( \|$\)" "${target:-$name.3}" ||
        fail "${target:-$name.3} does not mention $name"
done
for page in ps_*.3; do
    name=${page%.3}
    case $name in
    ps_store | ps_proxy | ps_stats | ps_error | ps_try) continue ;; # families
    esac
    nm -D --defined-only "$build/libps.so.1" | grep -q " $name@@" ||
        fail "$page is about what libps does not export"
done

# A caveat is read when it stands on the first screen.
for page in libps.7 ps_backend.7 ps_*.3; do
    grep -q '^\.so' "$page" || grep -q '^\.Ss Caveats' "$page" || fail "$page has no caveats"
done

command -v mandoc >/dev/null || { echo "skipped: no mandoc"; exit 77; }
# shellcheck disable=SC2046 # names without blanks
mandoc -T lint -W warning $(grep -L '^\.so' *.[137]) || fail "mandoc complains"
