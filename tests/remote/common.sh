# common.sh: a folder, psctl, servers, and programs on proxies; sourced by each scenario
#
# $INST has libps, $ENGINE names the engine. The scenario ends with "finish".

tmp=$(mktemp -d "$RUNS/XXXXXX") || exit 2
pids=
# and what URIs of its server have left
trap 'for pid in $pids; do kill -9 "$pid"; done 2>/dev/null
    rm -rf "$tmp" /dev/shm/libps-uri-*/*"127.0.0.1:${port:-none}%2F"*' EXIT
trap 'exit 130' INT TERM PIPE
mkdir "$tmp/home"
# failures are seen at once; a scenario that wants other tries says so
export PS_DEADLINE=0
export HOME="$tmp/home" LC_ALL=C PATH=/usr/local/bin:/usr/bin:/bin
cd "$tmp" || exit 2
. "$TOOLS/checks.sh"
psctl=$INST/psctl

# on PROGRAM...: preloaded, with the engine
on() {
    timeout -k 5 60 env LD_PRELOAD="$INST/libps.so.1" PS_ENGINE="$ENGINE" "$@"
}

# reads NAME FILE PROXY: programs that read and that map see the file's bytes
reads() {
    run on md5sum "$3"
    is "$1, read" [ "$(md5sum <"$2")" = "$(sed 's| .*|  -|' "$out")" ]
    run on python3 -c 'import mmap, sys
file = open(sys.argv[1], "rb")
sys.stdout.buffer.write(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[::-1][::-1])' "$3"
    is "$1, mapped" cmp -s "$2" "$out"
}

# breaks NAME PATTERN COMMAND...: it fails, with one line of libps that has PATTERN
breaks() {
    name=$1 pattern=$2
    shift 2
    run on "$@"
    if [ $status != 0 ] && [ $status != 124 ] && [ $status != 137 ] &&
        [ "$(grep -c '^libps: ' "$err")" = 1 ] && grep -q -e "^libps: .*$pattern" "$err"; then
        ok "$name"
    else
        echo "    status $status"
        not_ok "$name"
    fi
}

# stale NAME PATTERN COMMAND...: as breaks; the object was changed, and the program knows it
stale() {
    breaks "$@"
    is "$1: ESTALE" grep -q 'Stale file handle' "$err"
}

# late NAME PATTERN PROXY: a read and a touch of it end at a deadline of 2 s, whatever the timeouts are
late() {
    PS_DEADLINE=2s breaks "$1, until the deadline" "$2\|nothing came within 2000 ms" timeout 20 cat "$3"
    PS_DEADLINE=2s breaks "$1, a touch" "$2\|nothing came within 2000 ms" timeout 20 python3 -c 'import mmap, sys
file = open(sys.argv[1], "rb")
mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[100000]' "$3"
    is "$1, a touch: SIGBUS" [ $status = 135 ]
}

# free_ports NUMBER: so many that nobody listens at, nor at 10000 above
#
# All are below those that the kernel gives to clients. What runs at the same time
# as another user takes them from another range: both would find one free before
# a server is at it.
free_ports() {
    python3 -c 'import os, random, socket, sys
found = set()
while len(found) < int(sys.argv[1]):
    port = random.randrange(12000, 17000) + 5000 * (os.getuid() != 0)
    try:
        for number in port, port + 10000:
            socket.create_server(("127.0.0.1", number)).close()
    except OSError:
        continue
    found.add(port)
print(*found)' "$1"
}

# stand_in NAME PORT [ARG...]: the server NAME.py of this folder, what it says is in $tmp/stand_in
stand_in() {
    name=$1
    shift
    : >"$tmp/stand_in"
    python3 "$HERE/$name.py" "$@" >"$tmp/stand_in" 2>"$tmp/stand_in.err" </dev/null &
    pids="$pids $!"
    tries=0
    until grep -q ready "$tmp/stand_in"; do
        tries=$((tries + 1))
        if [ $tries = 1200 ] || ! kill -0 $!; then
            cat "$tmp/stand_in.err"
            exit 2
        fi
        sleep 0.05
    done
}

# await COMMAND...: until it succeeds, a minute at most
await() {
    awaited=0
    until "$@" || [ $awaited = 1200 ]; do
        awaited=$((awaited + 1))
        sleep 0.05
    done
}

finish() {
    echo "done"
}
