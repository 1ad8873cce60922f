#!/bin/sh
# loaded.sh: libps by dlopen, with a proxy of a module's store on standard input
# run: once no-asan (its runtime must be there from the start)
[ -x /usr/bin/python3 ] || { echo "no python3"; exit 77; }
timeout 20 /usr/bin/python3 -c '
import ctypes, os, sys
lib = ctypes.CDLL(os.environ["PRELOAD"])
lib.ps_version.restype = ctypes.c_char_p
lib.ps_lazy_map.restype = ctypes.c_void_p
at = lib.ps_lazy_map((os.environ["PX"] + "/slow").encode(), None, None, None)
small = open(os.environ["DATA"] + "/small", "rb").read()
assert ctypes.string_at(at, len(small)) == small
' <"$PX/slow"
