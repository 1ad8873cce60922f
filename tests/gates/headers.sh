#!/bin/sh
# headers.sh BUILD_DIR: each public header compiles alone, as C11 and as C++11, with what compilers there are
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
count=0

# try COMPILER STANDARD LANGUAGE
try() {
    command -v "$1" >/dev/null || return 0
    for header in include/ps/*.h; do
        name=${header#include/}
        # twice: the include guard; no _GNU_SOURCE: users have none
        printf '#include <%s>\n#include <%s>\nint main(void) { return 0; }\n' "$name" "$name" \
            >"$temp/alone.$3"
        if ! "$1" -std="$2" -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only \
            "$temp/alone.$3" >"$temp/log" 2>&1; then
            echo "headers: $header with $1 -std=$2: $(grep -m 1 'error' "$temp/log")"
            exit 1
        fi
        count=$((count + 1))
    done
}
try gcc c11 c
try clang c11 c
try g++ c++11 cc
try clang++ c++11 cc
[ $count -gt 0 ] || { echo "skipped: no compiler"; exit 77; }
