#!/bin/sh
# memory_group_two.sh: the limit of a cgroup of version 2, and of one above, is found as well
#
# It is a file of the test's own, in the place of the kernel's: blocks are
# evicted by libps then, not by the kernel.
# run: root no-asan (psctl and what it runs are not preloaded alike)
grep -q ^0:: /proc/self/cgroup || { echo "no cgroups of version 2"; exit 77; }
group=$(sed -n 's/^0:://p' /proc/self/cgroup)
unshare -m true 2>/dev/null || { echo "no mount namespaces"; exit 77; }
bad=
for place in "$TMP/root" "$TMP/root/unified"; do
    for text in 36000000 max; do
        rm -rf "$TMP/root"
        mkdir -p "$place$group"
        echo max >"$place$group/memory.max"
        echo $text >"$place/memory.max"
        # shellcheck disable=SC2016 # the inner shell's
        evicted=$(unshare -m sh -c 'mount --bind "$TMP/root" /sys/fs/cgroup || exit
            "$LIB/psctl" run --stats --json -- cat "$PX/big" 2>&1 >/dev/null' |
            sed -n 's/.*"evicted": *\([0-9]*\).*/\1/p')
        case $text$evicted in
        max0 | 36000000[1-9]*) ;;
        *) bad=1 && echo "$place, $text: evicted: $evicted" ;;
        esac
    done
done
[ -z "$bad" ]
