# ended_test.sh: puts that are ended by a signal leave nothing that is seen or paid for
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
port=$(free_ports 1)
stand_in s3_stand_in "$port"
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_REGION=eu-test-1
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+'
redis_start "$(free_ports 1)"
head -c 33000000 /dev/urandom >large
head -c 3000000 /dev/urandom >a
cat >middle.py <<'END'
import os, signal, subprocess, sys, time
number, ready = getattr(signal, "SIG" + sys.argv[1]), sys.argv[2]
def default():
    signal.signal(number, signal.SIG_DFL)
put = subprocess.Popen(sys.argv[3:], preexec_fn=default)
os.environ["PUT"] = str(put.pid)
while subprocess.call(ready, shell=True, stdout=2) and put.poll() is None:
    time.sleep(0.05)
put.send_signal(number)
if "second" in sys.argv[0]:
    time.sleep(0.2)  # two at once may be one
    put.send_signal(number)
print(put.wait())
END
cp middle.py second.py

# ended NAME SIGNAL READY PSCTL-ARGUMENT...: when READY succeeds psctl gets the signal, and ends by it
ended() {
    what=$1 number=$(python3 -c "import signal; print(-signal.SIG$2)")
    shift
    run timeout -k 5 60 python3 middle.py "$1" "$2" "$psctl" "$3" "$4" -o x.psx --store "$5" ${6+--key "$6"}
    is "$what: by the signal" [ "$(cat "$out")" = "$number" ]
    is "$what: one line" [ "$(grep -c '^psctl: .*ended' "$err")" = 1 ]
    is "$what: no proxy" [ ! -e x.psx ]
}

# --- S3 ---
url=s3://bucket/x
touch waits
for signal in INT TERM HUP; do
    echo ready >stand_in
    # by its name: parts of the one before may still come to the server
    ended "S3, parts, $signal" $signal "grep -q 'waits.*$signal' stand_in" put large "$url?s3.part=5M" $signal
    is "S3, parts, $signal: aborted" grep -qx 'uploads 0' stand_in
done
echo ready >stand_in
ended "S3, one request, which was stored" INT "grep -q 'waits.*late' stand_in" put a s3://bucket/late
rm waits
is "S3: nothing is there" [ -z "$("$psctl" ls s3://bucket/late; "$psctl" ls "$url")" ]

# --- Redis: from a store that takes its time for each request ---
slow="delay+file://$tmp/large?delay.latency=300ms"
export PS_ALLOW="file://$tmp"
ended "Redis" INT "redis-cli -p $port client list | grep -q cmd=hmget" copy "$slow" "redis://127.0.0.1:$port" k
ended "Redis, parts" INT "redis-cli -p $port keys '{ps.*' | grep -q ps" \
    copy "$slow" "redis://127.0.0.1:$port?part=512K" k
is "Redis: nothing is there" [ "$(count_keys '*')" = 0 ]

# --- a second signal does not wait: for a server that is frozen, say ---
kill -STOP $redis
run timeout -k 5 60 python3 second.py TERM "grep -q 'SigCgt:.*4..3\$' /proc/\$PUT/status" \
    "$psctl" put a -o x.psx --store "redis://127.0.0.1:$port"
is "a second signal" [ "$(cat "$out") $(wc -c <"$err")" = '-15 0' ]
finish
