#!/bin/sh
# install.sh BUILD_DIR: make install gives a tree that works, and make uninstall takes all of it back
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
root=$temp/root

fail() {
    echo "install: $1"
    [ ! -s "$temp/log" ] || tail -n 5 "$temp/log"
    exit 1
}

if nm "$build/libps.so.1" 2>/dev/null | grep -q '__asan_init\|__tsan_init'; then
    echo "skipped: nobody installs a build with sanitizers"
    exit 77
fi
install_make() {
    ${MAKE:-make} -s "$1" O="$build" DESTDIR="$root" PREFIX=/usr >"$temp/log" 2>&1
}
install_make install || fail "make install failed"

# Without pkg-config the rest is built, and what is not is named.
${MAKE:-make} -n all O="$temp/none" PKG_CONFIG="$temp/none" >"$temp/plan" 2>"$temp/log" ||
    fail "make fails without pkg-config"
[ ! -s "$temp/log" ] || fail "make complains without pkg-config"
grep -q 'left out: redis .* s3 ' "$temp/plan" || fail "make does not say what it leaves out"

# The configuration and the default store of nobody else.
export HOME="$temp/home" XDG_CONFIG_HOME= XDG_DATA_HOME=
mkdir "$HOME"
unset PS_CONFIG PS_STORE PS_ALLOW PS_ENGINE PS_STATS PS_BACKEND_PATH PS_DISABLE LD_PRELOAD || true

export PKG_CONFIG_PATH="$root/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$root"
flags=$(pkg-config --cflags --libs libps 2>"$temp/log") || fail "pkg-config does not find libps"
version=$(pkg-config --modversion libps)

cat >"$temp/use.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ps/ps.h>

#define SIZE (1 << 20)

static int failed(const char *what, const struct ps_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    return 1;
}

/* use URL PROXY: put an object into the store, then map it by the proxy file, lazily */
int main(int argc, char **argv)
{
    struct ps_error err = {0, 0, ""};
    struct ps_store *store;
    struct ps_proxy proxy;
    const char *lazy;
    char *data = (char *)malloc(SIZE);
    size_t size = 0;

    if (argc != 3 || data == NULL)
        return 2;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i % 251 + 1);
    if (ps_store_open(&store, argv[1], &err) < 0)
        return failed("open", &err);
    if (ps_store_put(store, NULL, data, SIZE, &proxy, &err) < 0)
        return failed("put", &err);
    if (ps_proxy_write(&proxy, argv[2], &err) < 0)
        return failed("write", &err);
    ps_store_close(store);
    lazy = (const char *)ps_lazy_map(argv[2], &size, NULL, &err);
    if (lazy == NULL)
        return failed("map", &err);
    if (size != SIZE || lazy[SIZE / 2] != data[SIZE / 2] || memcmp(lazy, data, SIZE) != 0)
        return failed("other bytes", &err);
    if (ps_unmap((void *)lazy) < 0)
        return failed("unmap", &err);
    free(data);
    puts(ps_version());
    return 0;
}
END
cp "$temp/use.c" "$temp/use.cc"

# use NAME COMPILER...: build it against the installed tree, run it on it
use() {
    name=$1
    shift
    # shellcheck disable=SC2086 # flags are words
    "$@" $flags -o "$temp/$name" >"$temp/log" 2>&1 || fail "the $name program does not build"
    seen=$(LD_LIBRARY_PATH="$root/usr/lib" "$temp/$name" "file://$temp/store?direct=0" \
        "$temp/$name.psx" 2>"$temp/log") || fail "the $name program fails"
    [ "$seen" = "$version" ] || fail "pkg-config says version $version, ps_version $seen"
}
# the pc file's -lps comes behind the source, as a linker wants it
use c "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror "$temp/use.c"
if command -v "${CXX:-c++}" >/dev/null; then
    use c++ "${CXX:-c++}" -std=c++11 -Wall -Wextra -Werror "$temp/use.cc"
fi

# psctl finds its own library, and that its modules, wherever the tree is.
psctl=$root/usr/bin/psctl
"$psctl" doctor >"$temp/log" 2>&1 || fail "the installed psctl doctor fails"
head -c 300000 /dev/urandom >"$temp/data"
"$psctl" proxy "delay+file://$temp/data?delay.latency=1ms" -o "$temp/data.psx" >"$temp/log" 2>&1 ||
    fail "the installed psctl does not find its modules"
"$psctl" run -- cat "$temp/data.psx" >"$temp/copy" 2>"$temp/log" ||
    fail "the installed psctl run fails"
cmp -s "$temp/data" "$temp/copy" || fail "the installed psctl run gives other bytes"
ldd "$psctl" | grep -q "$root/usr/bin/../lib/libps.so.1" || fail "psctl takes libps from elsewhere"

for page in man1/psctl.1 man3/ps_unmap.3 man3/ps_lazy_map.3 man7/libps.7 man7/ps_backend.7; do
    [ -f "$root/usr/share/man/$page" ] || fail "$page was not installed"
done

install_make uninstall || fail "make uninstall failed"
left=$(find "$root" ! -type d | head -n 1)
[ -z "$left" ] || fail "make uninstall leaves ${left#"$root"}"
[ ! -d "$root/usr/lib/libps" ] && [ ! -d "$root/usr/include/ps" ] || fail "make uninstall leaves folders"
${MAKE:-make} uninstall O="$build" DESTDIR="$root" PREFIX=/usr >"$temp/log" 2>&1 ||
    fail "make uninstall fails where nothing is installed"
! grep -q Error "$temp/log" || fail "make uninstall complains where nothing is installed"

for prefix in "$temp/a b" rel/ative ''; do
    ! ${MAKE:-make} -s install O="$build" PREFIX="$prefix" DESTDIR="$root/" >"$temp/log" 2>&1 ||
        fail "make install takes PREFIX=$prefix"
done
[ ! -e "$temp/a" ] && [ ! -e b ] && [ ! -e rel ] || fail "make install leaves something of a wrong PREFIX"
