# redis_faults_test.sh: what a server may do to a program in the middle
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
ports=$(free_ports 2)
redis_start "${ports% *}" --maxmemory 40mb --enable-debug-command yes
url=redis://127.0.0.1:$port
head -c 3000000 /dev/urandom >a
head -c 3000000 /dev/urandom >other
head -c 2000000 /dev/urandom >shorter

again() { # the object as it was
    "$psctl" put a -o "${1:-a.psx}" --store "${2:-$url}" --key obj --force >"$out" 2>&1 || cat "$out"
}

# --- the object changes ---
again
stale "replaced, as long" 'was changed' python3 "$HERE/middle.py" a.psx \
    "$psctl put other -o o.psx --store $url --key obj --force"
again
stale "replaced by a shorter one" '2000000 bytes now, not 3000000' python3 "$HERE/middle.py" a.psx \
    "$psctl put shorter -o o.psx --store $url --key obj --force"
again
stale "replaced by another client" '2000000 bytes now, not 3000000' python3 "$HERE/middle.py" a.psx \
    "redis-cli -p $port -x set obj <shorter"
again
breaks "removed" "no key 'obj'" python3 "$HERE/middle.py" a.psx "redis-cli -p $port del obj"
again
breaks "all is flushed" "no key 'obj'" python3 "$HERE/middle.py" a.psx "redis-cli -p $port flushall"
again a.psx "$url?part=1M"
stale "parts are replaced by a value" 'was changed' python3 "$HERE/middle.py" a.psx \
    "$psctl put other -o o.psx --store $url --key obj --force"
again a.psx "$url?part=1M"
stale "parts are replaced by parts" 'was changed' python3 "$HERE/middle.py" a.psx \
    "$psctl put other -o o.psx --store $url?part=512K --key obj --force"

# --- the server ---
again a.psx "$url?timeout=1s"
run on python3 "$HERE/middle.py" a.psx "redis-cli -p $port client kill type normal"
is "connections are closed: the right bytes" cmp -s a "$out"
breaks "frozen" 'no answer: Connection timed out' python3 "$HERE/middle.py" a.psx "kill -STOP $redis"
kill -CONT $redis
reads "thawed" a a.psx
"$psctl" proxy "$url/obj" -o patient.psx >"$out"
kill -STOP $redis
late "frozen" 'no answer' patient.psx
PS_DEADLINE=2s breaks "frozen, an open that asks" 'no answer' timeout 20 cat "$url/obj"
PS_DEADLINE=2s ends "frozen, exists" 3 timeout 20 "$psctl" exists patient.psx
kill -CONT $redis
# two programs are stopped themselves for longer than they would wait; then the server answers
kill -STOP $redis
for how in read touch; do
    LD_PRELOAD="$INST/libps.so.1" PS_ENGINE="$ENGINE" PS_DEADLINE=3s python3 -c 'import mmap, sys
file = open(sys.argv[1], "rb")
if sys.argv[2] == "touch":
    file = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
sys.stdout.buffer.write(file.read())' patient.psx $how >"$how.bytes" 2>"$how.err" &
    stopped="${stopped-} $!"
done
sleep 0.7
kill -STOP $stopped
sleep 6.5
kill -CONT $stopped
sleep 0.2
kill -CONT $redis
wait $stopped
for how in read touch; do
    is "stopped by a signal, longer than the deadline, a $how" cmp a "$how.bytes"
done
stand_in slow_relay "${ports#* }" "$port" 131072
"$psctl" proxy "redis://127.0.0.1:${ports#* }/obj" -o relay.psx >"$out"
PS_DEADLINE=3s breaks "many answers, each of them in time" 'no answer\|nothing came' \
    timeout 30 dd if=relay.psx bs=1M count=1
sed "s|obj?timeout=1s|obj?timeout=20s|" a.psx | head -c 4093 >slow.psx
run on python3 "$HERE/middle.py" slow.psx "kill -STOP $redis; (sleep 1; kill -CONT $redis) &"
is "frozen for a second" cmp -s a "$out"
breaks "killed" 'Connection re' python3 "$HERE/middle.py" a.psx "kill -9 $redis"
redis_start "$port" --maxmemory 40mb
again a.psx "$url"
cat >restart <<END
kill -9 $redis
(sleep 0.7; exec "$tmp/redis-server" --port $port --save '' --maxmemory 40mb \\
    --dir "$tmp/redis.$port") >"$tmp/second.log" 2>&1 &
echo \$! >"$tmp/second"
END
redis-cli -p "$port" save >"$out"
PS_DEADLINE=30s run on python3 "$HERE/middle.py" a.psx "sh restart"
is "killed and started again" cmp -s a "$out"
redis=$(cat second)
pids="$pids $redis"

# --- puts that fail ---
head -c 50000000 /dev/zero >huge
fails "no memory" 'OOM' "$psctl" put huge -o h.psx --store "$url" --key obj --force
reads "no memory: the old object is there" a a.psx
fails "no memory for parts" 'OOM' "$psctl" put huge -o h.psx --store "$url?part=1M" --key obj --force
reads "no memory for parts: the old object is there" a a.psx
is "no memory for parts: none is left" [ "$(count_keys '{ps.*')" = 0 ]
head -c 20000000 /dev/urandom >big
redis-cli -p "$port" config set maxmemory 0 >"$out"
for way in "$url" "$url?part=1M"; do
    kill -STOP $redis # what fits into the socket is sent, and no more
    "$psctl" put big -o k.psx --store "$way" --key obj --force >"$out" 2>&1 &
    sleep 0.3
    redis_stop $!
    kill -CONT $redis
done
reads "a put that was killed" a a.psx
is "a put that was killed leaves nothing" [ "$(count_keys '*')" = 2 ]
finish
