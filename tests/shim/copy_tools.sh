#!/bin/sh
# copy_tools.sh: cp, install, tar and mv of a proxy that nobody read yet
#
# They look at identity, blocks and holes first, and copy zeros if those are an image's.
# run: no-asan (dd asks aligned_alloc for what it refuses)
set -eu
cd "$TMP"
for way in 'cp IN out' 'cp --sparse=always IN out' 'cp --reflink=auto -p IN out' 'install IN out' \
    'dd if=IN of=out bs=70000 status=none' 'dd if=IN of=out bs=4096 conv=sparse status=none' \
    'rsync -S IN out' 'cp -a IN out'; do
    command -v "${way%% *}" >/dev/null || continue
    rm -f out
    # shellcheck disable=SC2086
    LD_PRELOAD=$PRELOAD $(echo "$way" | sed "s|IN|$PX/small|") || { echo "$way: status $?"; exit 1; }
    cmp "$DATA/small" out || { echo "$way: other bytes"; exit 1; }
done
LD_PRELOAD=$PRELOAD tar -C "$PX" -Scf all.tar small page+1 one
tar xf all.tar
for name in small page+1 one; do
    cmp "$DATA/$name" $name
done
