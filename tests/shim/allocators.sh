#!/bin/sh
# allocators.sh: libps beside a library that has malloc, before it and behind it
# run: no-asan
cd "$TMP" || exit 1
bad= tried=
try() { # try LIST COMMAND...
    list=$1
    shift
    LD_PRELOAD=$list timeout 50 "$@" >out 2>said
    status=$?
    if [ $status != 0 ] || grep -v 'MADV' said | grep -q .; then
        echo "$list, $*: status $status, $(head -c 300 out said)"
        bad=1
    fi
}
for library in /usr/lib/*/libjemalloc.so.2 /usr/lib/*/libtcmalloc_minimal.so.4 \
    /usr/lib/*/libmimalloc.so.2.? ${ALLOCATORS:+"$ALLOCATORS"/lib*malloc*.so.?}; do
    [ -e "$library" ] || continue
    tried=1
    for list in "$library:$PRELOAD" "$PRELOAD:$library"; do
        for program in reads map_reads stdio forks many; do
            try "$list" "$BIN/$program"
        done
        try "$list" sh -c 'cksum <"$PX/small" && env -i cat "$PX/small" | cmp - "$DATA/small"'
    done
done
[ -n "$tried" ] || { echo "none of them is here"; exit 77; }
[ -z "$bad" ]
