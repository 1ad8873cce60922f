#!/bin/sh
# redirection.sh: a preloaded shell replaces a proxy by >, and may not append to it
cd "$TMP" || exit 1
for shell in sh bash; do
    cp "$PX/small" file
    chmod u+w file
    LD_PRELOAD=$PRELOAD $shell -c 'echo new >file' || exit 1
    [ "$(cat file)" = new ] || { echo "$shell: not replaced"; exit 1; }
    cp "$PX/small" file
    if LD_PRELOAD=$PRELOAD $shell -c 'echo more >>file' 2>said; then
        echo "$shell: appended to a proxy"
        exit 1
    fi
    cmp "$PX/small" file || exit 1
    ! grep '^libps:' said || exit 1
done
