# odd.sh: the commands about psctl itself, other users, full disks

does "help lists the commands" '^  evict ' "$psctl" help
does "--help does too" '^  evict ' "$psctl" --help
does "--version" '^psctl [0-9]' "$psctl" --version
for command in put proxy copy exists verify get info ls evict run doctor help; do
    does "$command --help" "^usage: psctl $command" "$psctl" $command --help
    does "help $command" "^usage: psctl $command" "$psctl" help $command
done
stops "no command" 2 'no command' "$psctl"
stops "an unknown command" 2 'unknown command "frob"' "$psctl" frob
stops "help of an unknown command" 2 'unknown command' "$psctl" help frob
misuse "doctor with an argument" 'no argument' "$psctl" doctor now
run sh -c '"$0" help >/dev/full' "$psctl"
is "an answer that can't be written" [ $status = 1 ]
fails "get to a full device" 'No space' sh -c '"$0" get a.txt.psx >/dev/full' "$psctl"

does "doctor" '^kernel ' "$psctl" doctor
is "doctor names libc and limits" sh -c 'grep -q "^libc .*glibc" "$0" && grep -q ^RLIMIT_FSIZE "$0"' "$out"
is "doctor names the engines" grep -q segv "$out"
run env HOME=/etc/passwd "$psctl" doctor
is "doctor with a home that is no folder" grep -q "CAN'T BE WRITTEN.* /etc/passwd: Not a dir" "$out"
printf 'store.x=file://%s/a.txt?direct=0\n  default = x\n' "$PWD" >doctor.conf
run env PS_CONFIG="$PWD/doctor.conf" "$psctl" doctor
is "doctor with a configured store that is no folder" grep -q "CAN'T BE WRITTEN.* $PWD/a.txt: Not a dir" "$out"
does "doctor with a store whose folder is still to be made" '^default store *opens' \
    env PS_STORE="delay+file://$PWD/to/be/made" "$psctl" doctor
does "doctor with a store that is no folder" '^default store *opens' \
    env PS_STORE=memory://x "$psctl" doctor
is "doctor has made nothing" [ ! -e to ]
ends "doctor with an unknown engine" 1 env PS_ENGINE=steam "$psctl" doctor

# psctl sees proxy files as they are, also when it runs under itself
fails "psctl under its own preload" 'proxy file already' "$psctl" run -- "$psctl" put a.txt.psx
does "info under its own preload" 1288895 "$psctl" run -- "$psctl" info a.txt.psx

# a proxy is other people's text
mkdir -p "$tmp/secret" "$tmp/theirs"
echo secret >"$tmp/secret/key"
XDG_CONFIG_HOME=$tmp/theirs HOME=$tmp/theirs "$psctl" proxy "$tmp/secret/key" -o hostile.psx >/dev/null
fails "get of a place that is not allowed" . "$psctl" get hostile.psx
fails "evict of a place that is not allowed" . "$psctl" evict --force hostile.psx
is "evict has kept what is not allowed" [ -f "$tmp/secret/key" ]

# --- a put that does not end well ---
cp a.txt moving
"$psctl" put a.txt -o m.psx --store "file://$PWD/kept" --key k >/dev/null
(sleep 0.5; echo more >>moving) &
fails "put of a file that changes" 'changed while it was stored' \
    "$psctl" put moving -o m.psx --store "delay+file://$PWD/kept?delay.latency=1s" --key k --force
wait
is "put of a file that changes keeps the older object" cmp -s a.txt kept/k
is "put of a file that changes keeps the older proxy" \
    sh -c '"$0" get m.psx | cmp -s - a.txt' "$psctl"
truncate -s 4G large
run timeout -s KILL 0.3 "$psctl" put large -o killed.psx --store "file://$PWD/killed"
is "put is killed" [ $status = 137 ]
is "put that is killed leaves no proxy" [ ! -e killed.psx ]
if touch killed/probe && python3 -c 'import os; os.open("killed", os.O_TMPFILE | os.O_WRONLY)'; then
    rm killed/probe
    is "put that is killed leaves nothing in the store" [ -z "$(ls -A killed)" ]
else
    skip "put that is killed leaves nothing in the store" "no files without names here"
fi

# --- another user ---
if is_root && command -v setpriv >/dev/null; then
    mkdir nobody
    chmod 777 nobody
    cp a.txt nobody/locked
    chmod 600 nobody/locked
    cp a.txt.psx nobody/locked.psx
    chmod 600 nobody/locked.psx
    mkdir "$tmp/nobody_home"
    chown 65534:65534 "$tmp/nobody_home"
    HOME=$tmp/nobody_home
    fails "put of an unreadable file" 'Permission denied' as_nobody "$psctl" put nobody/locked
    fails "proxy of an unreadable file" 'Permission denied' as_nobody "$psctl" proxy nobody/locked
    fails "info of an unreadable proxy" locked as_nobody "$psctl" info nobody/locked.psx
    fails "get of an unreadable proxy" locked as_nobody "$psctl" get nobody/locked.psx
    chmod 755 nobody
    fails "put beside a file in a folder that can't be written" 'use -o' \
        as_nobody "$psctl" put a.txt
    fails "proxy beside a file in a folder that can't be written" 'use -o' \
        as_nobody "$psctl" proxy a.txt
    does "proxy -o elsewhere" "file://$tmp/w/a.txt" \
        as_nobody "$psctl" proxy a.txt -o "$tmp/nobody_home/a.psx"
    does "run as an ordinary user" '^200000$' \
        as_nobody "$psctl" run -- cat "$tmp/nobody_home/a.psx"
    cp a.txt nobody/private
    as_nobody "$psctl" proxy nobody/private -o "$HOME/private.psx" >/dev/null
    chmod 600 nobody/private
    as_nobody "$psctl" info --check "$HOME/private.psx" >"$out" 2>"$err"
    is "info --check of an object that may not be read" grep -q 'Permission denied' "$err"
    is "info --check of an object that may not be read does not say there" \
        sh -c '! grep -q "^check" "$0"' "$out"
    run env HOME="$tmp/home" setpriv --reuid=65534 --regid=65534 --clear-groups "$psctl" doctor
    is "doctor with a home that can't be written" grep -q "CAN'T BE WRITTEN.*: Permission denied" "$out"
    fails "put below a home that can't be written" "making the folder $tmp/home/none: Permission denied" \
        env HOME="$tmp/home/none" setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$psctl" put a.txt -o "$HOME/none.psx"
    mkdir -m 700 closed
    stops "run of a missing program past a folder that can't be searched" 127 'no such program' \
        env PATH="$PWD/closed:$PATH" setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$psctl" run -- no-such-program
    does "doctor as an ordinary user" 'uid 65534' as_nobody "$psctl" doctor
    cp /bin/true setuid
    chmod 4755 setuid
    stops "run of a setuid program" 126 'other rights' as_nobody "$psctl" run -- ./setuid
    ends "run of a setuid program that is one's own" 0 "$psctl" run -- ./setuid
    HOME=$tmp/home
else
    skip "other users" "needs root and setpriv"
fi

# --- full disk ---
mkdir full
if is_root && mount -t tmpfs -o size=64k none full 2>/dev/null; then
    mounted=$PWD/full
    mkdir full/store
    fails "put into a full store" 'No space' "$psctl" put a.txt -o f.psx --store "file://$PWD/full/store"
    is "put into a full store leaves no proxy" [ ! -e f.psx ]
    is "put into a full store leaves no object" [ -z "$(ls -A full/store)" ]
    fails "get onto a full disk" 'No space' "$psctl" get a.txt.psx -o full/got
    is "get onto a full disk leaves no file" [ "$(ls -A full)" = store ]
    head -c 1000000 /dev/zero >full/fill 2>/dev/null
    mkdir other
    fails "put with its proxy on a full disk" 'No space' \
        "$psctl" put a.txt -o full/p.psx --store "file://$PWD/other"
    is "put with its proxy on a full disk leaves no object" [ -z "$(ls -A other)" ]
    is "put with its proxy on a full disk leaves no proxy" [ ! -e full/p.psx ]
    umount full && mounted=
else
    skip "a full disk" "needs root and mount"
fi

# --- completion ---
# offers WORD...: what bash offers for the last of them
offers() {
    bash -c '. "$0"
COMP_WORDS=(psctl "$@") COMP_CWORD=$#
_psctl "$PSCTL"
echo "${COMPREPLY[@]}"' "$here/../../cli/psctl.bash" "$@"
}
export PSCTL="$psctl"
is "completion of commands" [ "$(offers ev)" = evict ]
is "all commands are there" [ "$(offers '' | wc -w)" = 14 ]
is "completion of options" [ "$(offers run --s)" = --stats ]
is "completion of engines" [ "$(offers run --engine s)" = segv ]
is "completion of programs" [ "$(offers run --stats -- md5su | tr ' ' '\n' | grep -cx md5sum)" -ge 1 ]
is "no completion of their options" [ -z "$(offers run cat --s)" ]
