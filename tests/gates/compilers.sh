#!/bin/sh
# compilers.sh BUILD_DIR: clang builds all of it, and gcc the library, modules and psctl for aarch64
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM PIPE
tried=0

# try NAME COMPILER TARGET...: make it, into a folder of its own that later runs find up to date
try() {
    name=$1 compiler=$2
    shift 2
    if ! command -v "$compiler" >/dev/null; then
        echo "note: no $compiler"
        return 0
    fi
    tried=$((tried + 1))
    if ! ${MAKE:-make} -s -j"$(nproc)" O="$build/$name" CC="$compiler" "$@" >"$log" 2>&1; then
        echo "compilers: $compiler fails: $(grep -m 1 'error:\|Error [0-9]\|undefined ref' "$log")"
        exit 1
    fi
}
try clang clang all tests
try aarch64 aarch64-linux-gnu-gcc all PKG_CONFIG=false
# the modules whose libraries are here for this machine only: not linked, and by its headers
# shellcheck disable=SC2046 # words
try aarch64 aarch64-linux-gnu-gcc \
    CPPFLAGS="-Iinclude -Iruntime -idirafter /usr/include/$(gcc -print-multiarch)" $(printf "$build/aarch64/%s.o " $(ls backends/redis/*.c backends/http/*.c backends/s3/*.c | sed 's/\.c$//'))
if [ -f "$build/aarch64/libps.so.1" ]; then
    readelf -h "$build/aarch64/libps.so.1" | grep -q AArch64 || {
        echo "compilers: $build/aarch64/libps.so.1 is not for aarch64"
        exit 1
    }
fi
[ $tried = 3 ] || { echo "skipped: clang or aarch64-linux-gnu-gcc is missing"; exit 77; }
