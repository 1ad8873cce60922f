#!/bin/sh
# run.sh: psctl as its users meet it
#
# usage: run.sh BUILD_DIR
# Prints "ok NAME" or "not ok NAME" for each check, "skipped NAME: why" where
# this machine has no way to do it, and the sums. Status 1 when one failed.
set -u

build=$(cd "${1:?usage: run.sh BUILD_DIR}" && pwd) || exit 1
here=$(cd "$(dirname "$0")" && pwd) || exit 1
tmp=$(mktemp -d) || exit 1
mounted=
clean_up() {
    [ -z "$mounted" ] || umount "$mounted"
    rm -rf "$tmp" /dev/shm/libps-uri-*/*"${tmp##*/}"*
}
trap clean_up EXIT
trap 'exit 1' INT TERM PIPE

# A copy of the build that any user may read, laid out as an installation.
mkdir -p "$tmp/inst/bin" "$tmp/inst/lib/libps" "$tmp/home" "$tmp/w"
cp "$build/psctl" "$tmp/inst/bin/"
cp "$build/libps.so.1" "$tmp/inst/lib/"
for module in "$build"/libps/*.so; do
    [ ! -e "$module" ] || cp "$module" "$tmp/inst/lib/libps/"
done
chmod -R a+rX "$tmp"
psctl=$tmp/inst/bin/psctl

# Nothing of the caller's configuration, and nothing of this test in it.
unset LD_PRELOAD PS_ENGINE PS_STATS PS_CONFIG PS_ALLOW PS_BACKEND_PATH PS_TRACE PS_MOUNT
unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME
export HOME="$tmp/home"
umask 022
cd "$tmp/w" || exit 1

. "$here/../tools/checks.sh"
run "$psctl" --version
if [ $status != 0 ]; then
    not_ok "psctl starts"
    exit 1
fi
. "$here/store.sh"
. "$here/copy.sh"
. "$here/ls.sh"
. "$here/program.sh"
. "$here/supervise.sh"
. "$here/mount.sh"
. "$here/odd.sh"
. "$here/backend.sh"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
