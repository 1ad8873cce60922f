#!/bin/sh
# statistics.sh: PS_STATS=stderr prints once for a process, also for programs that close theirs
# run: once talks
cd "$TMP" || exit 1
for command in 'cat $PX/small' 'sort $PX/text'; do
    eval "PS_STATS=stderr LD_PRELOAD=\$PRELOAD $command" >/dev/null 2>said
    lines=$(grep -c 'bytes fetched' said)
    [ "$lines" = 1 ] || { echo "$command: $lines lines"; cat said; exit 1; }
done
