#!/bin/sh
# unaware.sh: a program without libps inherits a proxy from one that has it
#
# It must get the bytes, or an error; never zeros.
# gap: programs that are not preloaded read the holes of an inherited image
cd "$TMP" || exit 1
LD_PRELOAD=$PRELOAD sh -c 'exec env -u LD_PRELOAD cat <"$PX/small"' >out 2>said
status=$?
[ $status != 0 ] || cmp out "$DATA/small" || exit 1
