#!/bin/sh
# locks_shell.sh: flock(1) on a descriptor that a preloaded shell opened locks the proxy file
#
# run: no-asan
set -eu

flock=$(command -v flock) || { echo "no flock here"; exit 77; }
proxy=$TMP/victim
free() { # seen by a program without libps
    "$flock" -n "$proxy" true
}
fail() {
    echo "$1"
    exit 1
}
for shell in sh bash; do
    command -v $shell >/dev/null || continue
    free || fail "locked before"
    # the shell keeps the descriptor, and by it the lock, until it closes it
    env LD_PRELOAD="$PRELOAD" PROXY="$proxy" FLOCK="$flock" $shell -c '
        free() {
            env -u LD_PRELOAD "$FLOCK" -n "$PROXY" true
        }
        exec 9<"$PROXY"
        free || exit 10
        "$FLOCK" -n 9 || exit 11
        ! free || exit 12
        "$FLOCK" -n 9 || exit 13
        ( "$FLOCK" -u 9 ) || exit 14
        free || exit 15
        ( "$FLOCK" -n 9; exit $? ) || exit 16
        ! free || exit 17
        exec 9<&-
        free || exit 18
        # only for one program
        "$FLOCK" -n 0 <"$PROXY" || exit 19
        free || exit 20
        ( "$FLOCK" -n 8 || exit 21; ! free || exit 22 ) 8<"$PROXY" || exit $?
        free || exit 23
        exec 9<"$PROXY" 7<"$PROXY"
        "$FLOCK" -n 9 && ! "$FLOCK" -n 7 || exit 24
        exec 8<&9 9<&-
        ! free || exit 25
        exec 8<&-
        free && "$FLOCK" -n 7 || exit 26
        exec 7<&-
        exec "$FLOCK" -n -F "$PROXY" cat "$PROXY"
    ' >"$TMP/out" || fail "$shell: $?"
    cmp "$TMP/out" "$DATA/small" || fail "$shell: wrong bytes"
    free || fail "$shell: locked behind it"
done
