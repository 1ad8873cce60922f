#!/bin/sh
# file_size.sh: a small limit of file sizes never ends the program, and is named as the cause
# run: talks
cd "$TMP" || exit 1
ulimit -f 1000 # blocks of 512 bytes: less than the object, and than any probe
LD_PRELOAD=$PRELOAD cat "$PX/small" >out 2>said
status=$?
[ $status = 1 ] || { echo "cat ended with $status"; exit 1; }
grep -q '^libps:.*ulimit -f' said || { cat said; exit 1; }
"$LIB/psctl" doctor >doctor 2>&1
status=$?
[ $status = 0 ] || { echo "psctl doctor ended with $status"; exit 1; }
