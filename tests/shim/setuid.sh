#!/bin/sh
# setuid.sh: runs setuid as nobody, with root's privileges
# run: root once no-asan (its runtime is not preloaded there)
cp "$BIN/setuid" "$TMP/setuid" && chmod u+s "$TMP/setuid" && chmod 755 "$TMP" || exit 1
chmod u+s "$TMP/setuid"
case $(findmnt -no OPTIONS -T "$TMP") in *nosuid*) echo "a file system without setuid"; exit 77 ;; esac
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$TMP/setuid" "$PX/small"
