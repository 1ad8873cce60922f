#!/bin/sh
# other_glibc.sh BUILD_DIR RELEASE [ARG...]: the tests of shim/, built and run in another release of Debian
#
# RELEASE is bullseye (glibc 2.31), bookworm (2.36), trixie (2.41) or what else
# debootstrap knows; MIRROR names where it comes from. The release is made once,
# in BUILD_DIR/glibc, or is the folder that RELEASE names, if it begins with /.
# ARG is for shim/run.sh. Needs root and debootstrap.
set -eu

[ $# -ge 2 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
mkdir -p "$1"
build=$(cd "$1" && pwd) release=$2
shift 2
top=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo "skipped: other glibc: not root"; exit 77; }

case $release in
/*) root=$release ;;
*)
    root=$build/glibc/$release
    if [ ! -e "$root/made" ]; then
        command -v debootstrap >/dev/null || { echo "skipped: other glibc: no debootstrap"; exit 77; }
        rm -rf "$root"
        mkdir -p "$root"
        debootstrap --variant=minbase --include=gcc,libc6-dev,libssl-dev,make,pkg-config,python3 \
            "$release" "$root" "${MIRROR:-http://deb.debian.org/debian}" >"$root.log" 2>&1 || {
            tail -n 5 "$root.log"
            exit 1
        }
        touch "$root/made"
    fi
    ;;
esac

rm -rf "$root/src"
mkdir "$root/src"
(cd "$top" && git ls-files -co --exclude-standard | tar cf - --ignore-failed-read -T -) |
    tar xf - -C "$root/src"
# what is mounted there is gone with the shell that mounted it
unshare --mount sh -eu -s "$root" "$@" <<'END'
root=$1
shift
mount -t proc proc "$root/proc"
for folder in /dev /sys; do mount --rbind $folder "$root$folder"; done
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
    chroot "$root" sh -euc '
        cd /src
        ldd --version | head -n 1
        make O=/build all tools >/build.log 2>&1 || { tail -n 20 /build.log; exit 1; }
        exec tests/shim/run.sh /build "$@"' sh "$@"
END
