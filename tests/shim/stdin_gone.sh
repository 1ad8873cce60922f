#!/bin/sh
# stdin_gone.sh: a proxy on standard input that can't be had is an error to its reader, never its text
# run: talks
cd "$TMP" || exit 1
bad=
refuses() { # refuses WHAT COMMAND...: it fails, says nothing on stdout, and libps says one line
    what=$1
    shift
    "$@" >out 2>said
    status=$?
    lines=$(grep -c '^libps:' said)
    if [ $status = 0 ] || [ -s out ] || [ "$lines" != 1 ]; then
        echo "$what: status $status, $lines lines, $(head -c 60 out | tr '\0' ' ')"
        bad=1
    fi
}
for name in gone refused changed; do
    in=$PX/$name
    export in
    refuses "cat < $name" sh -c 'LD_PRELOAD=$PRELOAD exec cat <"$in"'
    refuses "sort < $name" sh -c 'LD_PRELOAD=$PRELOAD exec sort <"$in"' # by a stream
done
in=$PX/refused
refuses "a child without libps" sh -c 'LD_PRELOAD=$PRELOAD exec env -u LD_PRELOAD cat <"$in"'
in=$PX/small
refuses "a wrong configuration" sh -c 'PS_ENGINE=bogus LD_PRELOAD=$PRELOAD exec cat <"$in"'

# opened for writing too: the object all the same, and it can't be written
sh -c 'LD_PRELOAD=$PRELOAD exec cat <>victim' >out 2>said || bad=1
cmp out "$DATA/small" || bad=1
sh -c 'LD_PRELOAD=$PRELOAD exec sh -c "echo more >&0" <>victim' 2>said && bad=1
cmp victim "$PX/small" || bad=1
[ -z "$bad" ]
