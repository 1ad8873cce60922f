#!/bin/sh
# inherited.sh: programs that inherit the descriptor of a proxy
#
# From a preloaded shell it is an image that nobody may have read yet, from
# another shell it is the proxy file itself.
# run: talks
cd "$TMP" || exit 1
in=$PX/small want=$(cksum <"$DATA/small")
try() { # try WHAT COMMAND...: its output must be the checksum
    what=$1
    shift
    got=$("$@" 2>said)
    status=$?
    if [ "$got" != "$want" ] || [ $status != 0 ]; then
        echo "$what: status $status, $got, $(head -c 300 said)"
        bad=1
    fi
    ! grep '^libps:' said || bad=1
}
bad=
pre() {
    LD_PRELOAD=$PRELOAD "$@"
}
export in
for shell in sh bash dash; do
    try "$shell: prog < proxy" pre $shell -c 'cksum <"$in"'
    try "$shell: exec prog < proxy" pre $shell -c 'exec cksum <"$in"'
    try "$shell: cat | prog" pre $shell -c 'cat <"$in" | cksum'
    try "$shell: exec 7< and <&7" pre $shell -c 'exec 7<"$in"; exec cksum <&7'
    try "$shell: two readers of one offset" pre $shell -c '{ head -c 4096; cat; } <"$in" | cksum'
    try "$shell: half here already" pre $shell -c 'exec 7<"$in"; head -c 500000 "$in" >/dev/null; cksum <&7'
    try "$shell: /dev/stdin" pre $shell -c 'cat /dev/stdin <"$in" | cksum'
    try "$shell: /dev/fd/7" pre $shell -c 'exec 7<"$in"; cat /dev/fd/7 | cksum'
    try "$shell: tail of stdin" pre $shell -c 'tail -c +1 <"$in" | cksum'
    try "$shell: cp of /dev/stdin" pre $shell -c 'cp /dev/stdin copied <"$in" && cksum <copied'
done
try "plain shell: prog < proxy" sh -c 'LD_PRELOAD=$PRELOAD exec cksum <"$in"'
try "plain shell: prog < proxy on a module's store" sh -c 'LD_PRELOAD=$PRELOAD exec cksum <"$PX/slow"'
try "grandchild" pre sh -c 'exec 5<"$in"; sh -c "sh -c \"exec cksum <&5\""'
python=/usr/bin/python3
if [ -x $python ]; then
    try "python: subprocess(stdin=)" pre $python -c '
import os, subprocess, sys
subprocess.run(["cksum"], stdin=open(os.environ["in"], "rb"), check=True)'
    try "python: fdopen of an inherited number" pre sh -c 'exec 7<"$in"; exec '$python' -c "
import os, subprocess
data = os.fdopen(7, \"rb\").read()
subprocess.run([\"cksum\"], input=data, check=True)"'
    try "plain shell: another number than 0" sh -c 'exec 7<"$in"; LD_PRELOAD=$PRELOAD exec '$python' -c "
import os, subprocess
assert os.fstat(7).st_size > 1000000
data = os.fdopen(7, \"rb\").read()
subprocess.run([\"cksum\"], input=data, check=True)"'
    # subprocess uses vfork: the child puts /dev/null on number 0, the parent has the proxy there
    try "python: stdin is a proxy, subprocess(stdin=DEVNULL)" pre $python -c '
import os, subprocess, sys
os.dup2(os.open(os.environ["in"], os.O_RDONLY), 0)
subprocess.run(["true"], stdin=subprocess.DEVNULL)
subprocess.run(["cksum"], input=os.read(0, 1 << 21), check=True)'
    # No /proc, so nobody can tell what it is: no bytes then
    mkdir root || exit 1
    if [ "$(id -u)" = 0 ]; then
        pre sh -c 'exec 7<"$in"; exec '$python' -c "
import errno, os
os.chroot(\"root\")
try:
    print(os.read(7, 10))
except OSError as e:
    assert e.errno == errno.EIO"' >out 2>said
        if [ $? != 0 ] || [ -s out ] || [ "$(grep -c '^libps: ' said)" != 1 ]; then
            echo "without /proc: $(head -c 300 out said)"
            bad=1
        fi
    fi
fi
[ -z "$bad" ]
