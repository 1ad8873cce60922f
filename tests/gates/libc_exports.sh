#!/bin/sh
# libc_exports.sh BUILD_DIR: what libc exports to read, map, copy or pass on files is hooked, or waived by name
#
# A name of libc's in one of the families below that libps neither hooks (hooks.list) nor waives with
# a reason (hooks.waived) is a way around it that nobody has thought of: a new glibc brings such.
# What libc exports to its own parts only (GLIBC_PRIVATE) is no way for programs.
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
cd "$(dirname "$0")"
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE

# parts of names; and names and parts that have one of them by chance
families='open|creat$|creat64|read|stat|map|seek|copy|cpy|dup|close|spawn|write|exec|fork|clone|send|recv|splice|tee$
    |xattr|lock|aio|lio_|link|trunc|falloc|fcntl|ioctl|advise|protect|mincore|sync|handle|pipe|process_
    |ftw|fts|sig.*mask|sigaction|memfd|eventfd|system|wordexp|syscall|path$'
chance='pthread_(mutex|rwlock|spin|key).*|pthread|thrd|thread|clock|unlocked|state|copysign|locale
    |(bc|mem|wmem|stp|str|wcp|wcs).*(cpy|copy).*|(str|wcs)n?dup|_nss_|.*rpc.*|xdr.*|svc.*|clnt.*|auth.*
    |pmap_.*|arg[pz]_.*|re(g|_)exec|re_comp.*'
families=$(echo "$families" | tr -d ' \n') chance=$(echo "$chance" | tr -d ' \n')

fail() {
    echo "libc_exports: $1"
    failed=1
}
failed=0

# libc, and what is in libc since glibc 2.34; the compiler knows where they are
for library in libc.so.6 libpthread.so.0 librt.so.1 libdl.so.2; do
    file=$(${CC:-cc} -print-file-name=$library)
    [ "$file" = "$library" ] || nm -D --defined-only "$file"
done | awk '$2 != "A" && $3 !~ /@GLIBC_PRIVATE$/ && $3 !~ /@@GLIBC_PRIVATE$/ {
    sub(/@.*/, "", $3); print $3 }' | sort -u >"$temp/exports"
[ "$(wc -l <"$temp/exports")" -gt 1500 ] || { fail "libc's names could not be read"; exit 1; }

grep -v '^#\|^$' hooks.list | sort >"$temp/hooks"
# "[reason]", then names; a name of a later glibc than 2.28 as NAME@2.34
awk '/^#/ || /^$/ { next }
    /^\[.+\]$/ { reason = 1; next }
    !reason { print "hooks.waived: a name without a reason: " $0 >"/dev/stderr"; bad = 1 }
    { for (i = 1; i <= NF; i++) print $i }
    END { exit bad }' hooks.waived >"$temp/written" || failed=1
sed 's/@.*//' "$temp/written" | sort >"$temp/waived"
for name in $(uniq -d "$temp/waived"); do
    fail "$name is waived twice"
done
sort -u -o "$temp/waived" "$temp/waived"

awk -v families="$families" -v chance="$chance" '
    { name = $1; gsub(chance, "", name); if (name ~ families) print $1 }' "$temp/exports" >"$temp/asked"
for name in $(sort "$temp/hooks" "$temp/waived" | comm -23 "$temp/asked" -); do
    fail "$name of libc is neither in hooks.list nor in hooks.waived"
done
for name in $(comm -12 "$temp/hooks" "$temp/waived"); do
    fail "$name is hooked and waived"
done

# A name that libc does not have is an error of writing, unless it is of a later libc or of another
# machine: x86-64 has them all.
if [ "$(uname -m)" = x86_64 ]; then
    here=$(getconf GNU_LIBC_VERSION | sed 's/.* 2\.//; s/\..*//')
    for name in $(comm -23 "$temp/waived" "$temp/exports"); do
        since=$(sed -n "s/^$name@2\.//p" "$temp/written")
        [ "${since:-0}" -gt "$here" ] || fail "$name is waived, but no name of libc"
    done
    for name in $(comm -23 "$temp/waived" "$temp/asked" | comm -12 - "$temp/exports"); do
        fail "$name is waived, but in no family that is asked for"
    done
fi
[ $failed = 0 ]
