#!/bin/sh
# callers_stripped.sh: without symbols, the line of a failure has offsets in the program
cd "$TMP" && strip -o callers "$BIN/callers" || exit 1
exec env LD_PRELOAD="$PRELOAD" ./callers stripped
