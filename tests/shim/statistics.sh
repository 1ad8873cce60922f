#!/bin/sh
# statistics.sh: PS_STATS=stderr prints once for a process, also for programs that close theirs;
# what names no board is said to be none, and is left alone
# run: once talks
cd "$TMP" || exit 1
for command in 'cat $PX/small' 'sort $PX/text'; do
    eval "PS_STATS=stderr LD_PRELOAD=\$PRELOAD $command" >/dev/null 2>said
    lines=$(grep -c 'bytes fetched' said)
    [ "$lines" = 1 ] || { echo "$command: $lines lines"; cat said; exit 1; }
done
echo 'my notes' >notes
for path in none notes; do
    PS_STATS=$path LD_PRELOAD=$PRELOAD cat "$PX/small" 2>said | cmp - "$DATA/small" || exit 1
    grep -q "^libps: $path: .*board.*; in PS_STATS" said || { echo "$path: not said"; cat said; exit 1; }
    [ "$(wc -l <said)" = 1 ] || { cat said; exit 1; }
done
[ "$(cat notes)" = 'my notes' ] && [ ! -e none ]
