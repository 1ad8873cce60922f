#!/bin/sh
# unaware.sh: a program without libps inherits a proxy from one that has it
#
# It gets the bytes, or is not run; never zeros. One with libps stays lazy.
# run: talks no-asan (its runtime must come first, also in a cleaned environment)
cd "$TMP" || exit 1
reader=$BIN/unaware_reader
[ -x "$reader" ] || { echo "no static libc here"; exit 77; }
in=$PX/small other=$PX/big reader_name=${reader##*/}
export in other reader reader_name
bad=
try() { # try WHAT COMMAND...: the output is the object, and nothing is said
    what=$1
    shift
    "$@" >out 2>said
    status=$?
    if [ $status != 0 ] || ! cmp -s out "$DATA/small" || [ -s said ]; then
        echo "$what: status $status, $(cmp out "$DATA/small" 2>&1), $(head -c 300 said)"
        bad=1
    fi
    rm -f out # of a hole, for the next
}
pre() {
    LD_PRELOAD=$PRELOAD "$@"
}
printf '#!%s\n' "$reader" >script
printf '#!%s/script\n' "$TMP" >chain
printf '"$reader" "$@"\n' >text
printf '#!/bin/sh\nexec "$reader" "$@"\n' >wrapper
chmod +x script chain text wrapper
for shell in dash bash; do
    sh() {
        pre $shell -c "$1"
    }
    try "$shell: static program" sh '"$reader" <"$in"'
    try "$shell: exec of it" sh 'exec "$reader" <"$in"'
    try "$shell: in a subshell" sh '(exec 7<"$in"; "$reader" 7; exit)'
    try "$shell: in a subshell of the one that opened it" sh 'exec 7<"$in"; ("$reader" 7; exit)'
    try "$shell: number 7" sh 'exec 7<"$in"; "$reader" 7; exit'
    try "$shell: after a part was read" sh '{ head -c 5000; exec "$reader"; } <"$in"'
    try "$shell: by PATH" sh 'PATH=/none:$BIN:$PATH; '"$reader_name"' <"$in"'
    try "$shell: script of it" sh './script <"$in"'
    try "$shell: script of a script of it" sh './chain <"$in"'
    try "$shell: script of a shell" sh './wrapper <"$in"'
    try "$shell: text" sh './text <"$in"'
    try "$shell: text by env" sh 'env ./text <"$in"'
    try "$shell: pipeline" sh '"$reader" <"$in" | cat'
    try "$shell: in the background" sh '"$reader" <"$in" & wait $!'
    try "$shell: env" sh 'env A=B "$reader" <"$in"'
    try "$shell: env of two" sh 'env A=B env -u LD_PRELOAD cat <"$in"'
    try "$shell: nice" sh 'nice "$reader" <"$in"'
    try "$shell: xargs" sh 'exec 7<"$in"; echo 7 | xargs "$reader"'
    try "$shell: find" sh 'exec 7<"$in"; find . -maxdepth 0 -exec "$reader" 7 ";"'
    try "$shell: env -i" sh 'env -i cat <"$in"'
    try "$shell: env -u" sh 'exec env -u LD_PRELOAD cat <"$in"'
    try "$shell: another library" sh 'LD_PRELOAD=/none/libps.so.1 exec cat <"$in" 2>/dev/null'
    try "$shell: below a program that does not look at it" sh 'exec 7<"$in"; exec timeout 20 "$reader" 7'
    try "$shell: below a shell that does not" sh 'exec 7<"$in"; exec '$shell' -c "\"\$reader\" 7; exit"'
    try "$shell: below a subshell" sh 'exec 7<"$in"; exec '$shell' -c "(\"\$reader\" <&7; exit)"'
    try "$shell: below env -i, a shell" sh 'exec 7<"$in"; env -i reader="$reader" sh -c "\"\$reader\" 7"'
done
# LD_PRELOAD has a name, that the loader searches
by_name() {
    LD_LIBRARY_PATH=$LIB LD_PRELOAD=$(echo "$PRELOAD" | sed "s,$LIB/,,g") dash -c "$1"
}
try "name: static program" by_name '"$reader" <"$in"'
try "name: not found" by_name 'LD_LIBRARY_PATH= exec cat <"$in" 2>/dev/null'
if busybox=$(command -v busybox); then
    # which a static one can't see
    ! ldd "$busybox" >said 2>&1 || try "busybox" pre "$busybox" sh -c '"$reader" <"$in"'
    try "busybox cat" pre dash -c '"$0" cat <"$in"' "$busybox"
fi
# Of another user: the loader ignores LD_PRELOAD
if [ "$(id -u)" = 0 ]; then
    cp /bin/cat setuid && chown 65534 setuid && chmod 4755 setuid || exit 1
    try "setuid" pre dash -c './setuid <"$in"'
    # Its root has no store, no /proc and no libps: what is not here can't be had there
    mkdir root && cp "$reader" root/ || exit 1
    pre dash -c 'exec 7<"$in"; PATH=$PATH:/usr/sbin; exec chroot root "/$reader_name" 7' >out 2>said
    status=$?
    if [ $status = 0 ] || [ -s out ] || ! grep -q '^libps: ' said; then
        echo "chroot: status $status, $(wc -c <out) bytes, $(head -c 300 said)"
        bad=1
    fi
    try "chroot, of what is here" pre dash -c '
        exec <"$in"; env -i LD_PRELOAD= /bin/true; PATH=$PATH:/usr/sbin; exec chroot root "/$reader_name"'
fi
python=/usr/bin/python3
if [ -x $python ]; then
    py() {
        pre $python -c "import os, subprocess, sys
$1"
    }
    try "python: env={}" py '
subprocess.run(["/bin/cat"], stdin=open(os.environ["in"], "rb"), env={}, check=True)'
    try "python: static" py '
subprocess.run([os.environ["reader"]], stdin=open(os.environ["in"], "rb"), check=True)'
    try "python: pass_fds" py '
fd = os.open(os.environ["in"], os.O_RDONLY)
subprocess.run([os.environ["reader"], str(fd)], pass_fds=[fd], check=True)'
    try "python: posix_spawn" py '
fd = os.open(os.environ["in"], os.O_RDONLY)
pid = os.posix_spawn("/bin/cat", ["cat"], {}, file_actions=[(os.POSIX_SPAWN_DUP2, fd, 0)])
sys.exit(os.waitpid(pid, 0)[1])'
    try "python: os.system" py '
fd = os.open(os.environ["in"], os.O_RDONLY)
os.dup2(fd, 7)
sys.exit(os.system("exec $reader 7"))'
fi

# What has libps fetches what it reads, and no image is fetched for a number that is closed to it.
pre_dash() {
    pre dash -c "$1"
}
lazy() { # lazy WHAT SCRIPT [PRELOAD_FUNCTION]
    "$LIB/tests/board" new board
    PS_STATS=$TMP/board "${3:-pre_dash}" "$2" >out 2>said
    fetched=$("$LIB/tests/board" show board | sed -n 's/^[^ ]* \([0-9]*\) 40000000 .*/\1/p')
    if [ "${fetched:-none}" = none ] || [ "$fetched" -gt 10000000 ]; then
        echo "$1: ${fetched:-nothing} of 40000000 bytes were fetched, $(head -c 300 said)"
        bad=1
    fi
}
lazy "program" 'head -c 100 <"$other"'
lazy "exec" 'exec 7<"$other"; exec head -c 100 <&7'
lazy "program by env" 'env A=B head -c 100 <"$other"'
lazy "script" 'printf "#!/bin/sh\nexec head -c 100\n" >lazy; chmod +x lazy; ./lazy <"$other"'
lazy "below env -i" 'exec 7<"$other"; exec env -i head -c 100 <&7'
lazy "name in LD_PRELOAD" 'head -c 100 <"$other"' by_name
lazy "closed" 'exec 7<"$other"; head -c 100 <&7; exec 7<&-; "$reader" </dev/null'

# Where the store fails nothing is run, and one line says why.
touch "$FLAGS/on"
for command in '"$reader" <$PX/error' 'exec 7<$PX/error; exec env -i LD_PRELOAD= cat <&7'; do
    pre dash -c "$command" >out 2>said
    status=$?
    if [ $status = 0 ] || [ -s out ] || [ "$(grep -c '^libps: .*touched by exec' said)" != 1 ]; then
        echo "$command, failing: status $status, $(wc -c <out) bytes, $(head -c 500 said)"
        bad=1
    fi
done
rm -f "$FLAGS/on"
[ -z "$bad" ]
