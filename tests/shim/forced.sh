#!/bin/sh
# forced.sh: a forced engine that does not work here is named when a mapping needs it
# run: once talks
[ -x /usr/bin/python3 ] || { echo "no python3"; exit 77; }
cd "$TMP" || exit 1
"$LIB/tests/without-uffd" env PS_ENGINE=uffd LD_PRELOAD="$PRELOAD" /usr/bin/python3 -c '
import mmap, os
file = open(os.environ["PX"] + "/small", "rb")
mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)' 2>said && exit 1
grep -q '^libps:.*PS_ENGINE=uffd does not work here' said || { cat said; exit 1; }
