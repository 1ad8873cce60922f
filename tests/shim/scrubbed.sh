#!/bin/sh
# scrubbed.sh: programs that are run with a cleaned environment have libps all the same
#
# run: no-asan
cd "$TMP" || exit 1
bad=
pre() {
    LD_PRELOAD=$PRELOAD "$@"
}
try() { # try WHAT COMMAND...: the output is the object
    what=$1
    shift
    "$@" >out 2>said
    status=$?
    if [ $status != 0 ] || ! cmp -s out "$DATA/small" || [ -s said ]; then
        echo "$what: status $status, $(cmp out "$DATA/small" 2>&1), $(head -c 300 said)"
        bad=1
    fi
}
in=$PX/small
export in
try "env -i" pre env -i cat "$in"
try "env -u" pre env -u LD_PRELOAD cat "$in"
try "another library" pre env LD_PRELOAD=libm.so.6 cat "$in"
try "two of them" pre env LD_PRELOAD="libm.so.6 libresolv.so.2" cat "$in"
try "with a HOME" pre env -i HOME="$HOME" cat "$in"
try "a shell without it" pre sh -c 'unset LD_PRELOAD; cat "$in"'
try "below two" pre env -i in="$in" PATH="$PATH" sh -c 'exec env -i cat "$in"'
try "script" pre env -i sh -c 'exec cat "$0"' "$in"
try "a proxied program" pre env -i HOME="$HOME" "$PX/program" copy "$in"
try "a proxied program by name" pre env PATH="$PX:$PATH" sh -c 'exec env -i HOME="$HOME" PATH="$PATH" program copy "$in"'
for shell in dash bash; do
    try "$shell, a child" pre $shell -c 'env -i cat "$in"; exit'
done
many=$(seq 1 400 | sed 's/.*/V&=&/')
# shellcheck disable=SC2086 # words
try "many variables" pre env -i $many cat "$in"
if [ -x /usr/bin/python3 ]; then
    py() {
        pre /usr/bin/python3 -c "import os, subprocess, sys
name = os.environ['in']
$1"
    }
    try "python: subprocess" py 'subprocess.run(["/bin/cat", name], env={}, check=True)'
    try "python: posix_spawn" py '
sys.exit(os.waitpid(os.posix_spawn("/bin/cat", ["cat", name], {}), 0)[1])'
    try "python: exec" py 'os.execve("/bin/cat", ["cat", name], {})'
    try "python: clearenv" py '
os.environ.clear()
os.execv("/bin/cat", ["cat", name])'
fi

# What is passed on, and what is not: the variables of libps, as they were when the process began
PS_STATS=/none/x PS_OTHER="two words" pre env -i A=B PS_STATS= env >out
sed "s|$LIB|LIB|; s|$HOME|HOME|" out | LC_ALL=C sort >seen
expected="A=B
PS_HOME=HOME
PS_OTHER=two words
PS_STATS="
if [ "$(grep -v '^LD_PRELOAD=\|^PS_ENGINE=\|^PS_FAIL_WHILE=' seen)" != "$expected" ] ||
    ! grep -q '^LD_PRELOAD=.*libps.so.1$' seen; then
    echo "passed on:"
    cat seen
    bad=1
fi
# nothing, where somebody says so
for word in LD_PRELOAD= LD_PRELOAD=/none/libps.so.2; do
    pre env -i $word cat "$in" >out 2>/dev/null
    cmp -s out "$in" || { echo "$word: $(wc -c <out) bytes"; bad=1; }
done
# nor where it can't be preloaded: another loader would obey LD_PRELOAD too
if [ -x "$BIN/static_environ" ]; then
    pre env -i A=B "$BIN/static_environ" >out
    [ "$(cat out)" = A=B ] || { echo "a static program: $(cat out)"; bad=1; }
    pre env -i LD_PRELOAD=libm.so.6 "$BIN/static_environ" >out
    [ "$(cat out)" = LD_PRELOAD=libm.so.6 ] || { echo "a static program's own: $(cat out)"; bad=1; }
fi
PS_DISABLE=1 pre env -i env >out
[ ! -s out ] || { echo "PS_DISABLE=1: $(cat out)"; bad=1; }
[ -z "$bad" ]
