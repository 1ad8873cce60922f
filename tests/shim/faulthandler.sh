#!/bin/sh
# faulthandler.sh: Python, whose faulthandler has SIGSEGV from the start, and a mapping
[ -x /usr/bin/python3 ] || { echo "no python3"; exit 77; }
cat >"$TMP/map.py" <<'PY'
import ctypes, faulthandler, mmap, os, sys
with open(os.environ["PX"] + "/small", "rb") as f:
    m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
whole = m[:]
assert whole == open(os.environ["DATA"] + "/small", "rb").read()
if len(sys.argv) > 1:
    faulthandler.enable()
    text = open(os.environ["PX"] + "/text", "rb")
    m = mmap.mmap(text.fileno(), 0, access=mmap.ACCESS_COPY)
    assert m[-5:] == open(os.environ["DATA"] + "/text", "rb").read()[-5:]
    ctypes.string_at(0)
PY
cd "$TMP" && LD_PRELOAD=$PRELOAD /usr/bin/python3 -X faulthandler map.py || exit 1
LD_PRELOAD=$PRELOAD /usr/bin/python3 map.py crash 2>said
status=$?
[ $status = 139 ] || { echo "a null dereference ended with $status"; exit 1; }
grep -q '^Fatal Python error: Segmentation fault' said
