#!/bin/sh
# memory_group.sh: an object larger than the memory cgroup of the program that reads it
#
# Without PS_MEMORY half of the group is the limit, and the kernel kills nobody.
# With no limit at all, and no killer, the kernel answers ENOMEM where the group
# is full; then what was fetched makes room.
# run: root no-asan (its own memory fills a small group)
groups=/sys/fs/cgroup/memory
[ -w $groups/cgroup.procs ] || { echo "no memory cgroups (version 1) that can be made"; exit 77; }
group=$groups/libps-test-$$
mkdir $group || exit 77
back() {
    # whoever was in it has ended, but may not be gone yet
    for _ in 1 2 3 4 5 6 7 8 9 10; do rmdir $group 2>/dev/null && return; sleep 0.1; done
}
trap back EXIT
trap 'exit 1' INT TERM HUP
within() {
    # shellcheck disable=SC2016 # the inner shell's
    sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' $group env LD_PRELOAD="$PRELOAD" "$@"
}
want=$(cksum <"$DATA/big")
touches='import mmap, sys
f = open(sys.argv[1], "rb")
m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
for at in range(0, len(m), 1 << 16): sys.stdout.buffer.write(m[at:at + (1 << 16)])'
echo 36M >$group/memory.limit_in_bytes || exit 1
[ "$(within cat "$PX/big" | cksum)" = "$want" ] || { echo "reads"; exit 1; }
[ "$(within python3 -c "$touches" "$PX/big" | cksum)" = "$want" ] || { echo "touches"; exit 1; }

echo 1 >$group/memory.oom_control || { echo "the killer can't be kept out of a group"; exit 77; }
# not into a pipe, nor into memory of its own: the kernel's ENOMEM is for who asks first
[ "$(within env PS_MEMORY=0 cksum "$PX/big" | cut -d' ' -f1,2)" = "$want" ] || { echo "full"; exit 1; }
[ "$(cat $group/memory.failcnt)" -gt 0 ] || { echo "the group was never full"; exit 1; }
