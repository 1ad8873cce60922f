#!/bin/sh
# headers.sh BUILD_DIR: each public header compiles alone, as C11 and as C++11, with what compilers there are
#
# And so do the macros of try.h, without a warning and optimised.
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
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
    cp "$temp/blocks" "$temp/blocks.$3"
    if ! "$1" -std="$2" -O2 -Wall -Wextra -Wpedantic -Wshadow -Werror -Iinclude \
        -c "$temp/blocks.$3" -o "$temp/blocks.o" >"$temp/log" 2>&1; then
        echo "headers: PS_TRY with $1 -std=$2: $(grep -m 1 'error' "$temp/log")"
        exit 1
    fi
}
cat >"$temp/blocks" <<'END'
#include <ps/try.h>
int sum(const volatile int *a, struct ps_failure *outer);
int sum(const volatile int *a, struct ps_failure *outer)
{
    struct ps_failure inner;
    volatile int result = 0;

    for (int i = 0; i < 10; i++) {
        PS_TRY(outer) {
            PS_TRY(&inner) {
                if (a[i] == 5)
                    break;
                if (a[i] == 6)
                    return result;
                if (a[i] == 7)
                    goto out;
                result += a[i];
            } PS_CATCH {
                result += a[0];
            }
            PS_TRY(0)
                result += a[i];
        }
        if (outer->error.code != 0)
            break;
    }
out:
    return result;
}
END
try gcc c11 c
try clang c11 c
try g++ c++11 cc
try clang++ c++11 cc
[ $count -gt 0 ] || { echo "skipped: no compiler"; exit 77; }
