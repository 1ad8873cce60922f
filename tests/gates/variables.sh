#!/bin/sh
# variables.sh BUILD_DIR: the table of PS_* variables in libps.7 is that of runtime/config_variables.c
#
# And the code reads no PS_* variable, and no page names one, that the table
# does not have.
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE

fail() {
    echo "variables: $1"
    exit 1
}

# The table as the program has it: the objects themselves print it.
cat >"$temp/print.c" <<'END'
#include <stdio.h>
#include "config.h"
int main(void)
{
    for (const struct ps_variable *v = ps_variables; v->name != NULL; v++) {
        printf(".It Ev %s\n%s\n.br\nValue: %s.\n", v->name, v->meaning, v->value);
        if (v->fallback[0] != '\0')
            printf("Default: %s.\n", v->fallback);
    }
    return 0;
}
END
sanitize=
! nm "$build/runtime/config_variables.o" | grep -q '__asan_' || sanitize=-fsanitize=address,undefined
! nm "$build/runtime/config_variables.o" | grep -q '__tsan_' || sanitize=-fsanitize=thread
# shellcheck disable=SC2046,SC2086 # names without blanks
${CC:-cc} -D_GNU_SOURCE -Iinclude -Iruntime $sanitize "$temp/print.c" \
    $(find runtime backends/file backends/memory -name '*.c' | sed "s|^|$build/|; s|c$|o|") \
    -pthread -ldl -o "$temp/print" || fail "the objects of the runtime could not be linked"
"$temp/print" >"$temp/wanted"
[ -s "$temp/wanted" ] || fail "runtime/config_variables.c has no variables"

# The same lines of the page; what it says further about a variable is its own.
sed -n '/^\.Sh ENVIRONMENT/,/^\.El/p' docs/man/libps.7 | awk '
    /^\.It Ev / { print; rows = 1; next }
    rows >= 1 && rows <= 3 { print; rows++; next }
    rows == 4 && /^Default: / { print }
    { rows = 0 }' >"$temp/seen"
if ! cmp -s "$temp/wanted" "$temp/seen"; then
    fail "libps.7 and runtime/config_variables.c differ: $(diff "$temp/wanted" "$temp/seen" |
        sed -n '2,5p' | tr '\n' ' ')"
fi

sed -n 's/^\.It Ev //p' "$temp/wanted" | sort >"$temp/names"
# known WHERE: the names on standard input are in the table
known() {
    sort -u | comm -23 - "$temp/names" >"$temp/unknown"
    [ ! -s "$temp/unknown" ] || fail "$1 names $(head -n 1 "$temp/unknown"), which the table does not have"
}
grep -rhoE '(getenv|setenv|unsetenv|ps_config_variable) ?\("PS_[A-Z_]+"' runtime shim cli backends |
    sed 's/.*"\(.*\)"/\1/' | known "the code"
sed -n 's/^\.\(It \)\{0,1\}Ev \(PS_[A-Z_]*\).*/\2/p' docs/man/*.[137] | known "a page"
