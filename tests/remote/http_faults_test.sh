# http_faults_test.sh: what servers, networks and other writers do to a reader of HTTP
. "$HERE/common.sh"
. "$HERE/http_server.sh"
ports=$(free_ports 2)
nginx_start "${ports% *}"
head -c 3000000 /dev/urandom >www/a
head -c 3000000 /dev/urandom >other
stand_in http_stand_in "${ports#* }" www/a
url=http://127.0.0.1:${ports% *} bad=http://127.0.0.1:${ports#* }
export PS_ALLOW="$url $bad"

# --- the stand-in: each is one clear error, and good again once it is over ---
while read -r mischief pattern; do
    "$psctl" proxy "$bad/$mischief/a?http.timeout=20s" -o over.psx >"$out"
    sed 's|timeout=20s|timeout=1000ms|' over.psx | head -c 4093 >p.psx
    touch on
    breaks "$mischief" "$pattern" cat p.psx
    rm on
    run on cmp over.psx www/a
    is "$mischief is over" [ $status = 0 ]
done <<END
short CORRUPT\\|bytes came\\|asked for
long more bytes\\|others
endless more bytes
unended within 1 s
unended-cut break\|clos\|remaining
other-range others
other-tag version '"two"'
no-tag version ''
other-size 3000001 bytes
no-range CORRUPT\\|bytes
coded compressed
page version\\|bytes now
reset closed\\|remaining
head breaks off in its head
noise HTTP/0.9
stall within 1 s
drip within 1 s
whole-stall within 1 s
whole-drip within 1 s
no-length bytes came
401 401
403 403
404 404
412 another version
416 shorter
429 429
500 500
503 503
418 418
END

touch on
fails "no proxy without a version, of a head without its end" 'breaks off' "$psctl" proxy "$bad/head/a" -o p.psx
fails "an answer to a look that does not end" 'more bytes' "$psctl" proxy "$bad/endless/a" -o x.psx
fails "a page about a failure that does not end" '503' "$psctl" proxy "$bad/endless-page/a" -o x.psx
rm on
"$psctl" proxy "$bad/unended-cut/a" -o p.psx >"$out"
rm -f unended
touch on
PS_READ_AHEAD=0 breaks "all of a range, and a connection that breaks" 'break\|clos\|remaining' \
    dd if=p.psx bs=100000 count=1 status=none
is "nothing behind it was asked for" [ "$(wc -l <unended)" = 1 ]
rm on

# --- right bytes in spite of it ---
for mischief in whole chatter; do
    "$psctl" proxy "$bad/$mischief/a" -o p.psx >"$out"
    touch on
    reads "$mischief" www/a p.psx
    rm on
done
over_soon() { # a second after somebody has asked
    rm -f asked
    touch on
    (await [ -s asked ]; sleep 1; rm on) &
}
"$psctl" proxy "$bad/503/a" -o p.psx >"$out"
over_soon
PS_DEADLINE=20s reads "503 for a while" www/a p.psx
touch on
# the last try may be cut short by the deadline
PS_DEADLINE=1s breaks "503 beyond the deadline" 'after [1-9][0-9]* tries: ' cat p.psx
rm on

# A server that says when is not asked before, and not at all beyond the deadline.
for after in after-2 after-date limit-2; do
    "$psctl" proxy "$bad/$after/a" -o p.psx >"$out"
    over_soon
    PS_DEADLINE=20s run on head -c 100 p.psx
    is "Retry-After, $after: the bytes" [ "$(head -c 100 www/a | md5sum)" = "$(md5sum <"$out")" ]
    is "Retry-After, $after: asked once" [ "$(wc -l <asked)" = 1 ]
done
"$psctl" proxy "$bad/after-30/a" -o p.psx >"$out"
rm asked
touch on
PS_DEADLINE=10s breaks "Retry-After beyond the deadline" 'asked again in 30 s' head -c 100 p.psx
is "Retry-After beyond the deadline: asked once" [ "$(wc -l <asked)" = 1 ]
rm on

# What has come before a connection broke is not asked for again.
"$psctl" proxy "$bad/cut/a" -o p.psx >"$out"
touch on
rm -f moved
run on cmp p.psx www/a
is "connections that break" [ $status = 0 ]
is "no byte twice" [ "$(awk '{ sum += $1 } END { print sum }' moved)" = "$(stat -c %s www/a)" ]
rm on

# One clock for all of a range, however often its connection breaks.
touch on
"$psctl" proxy "$bad/cut-late/a" -o p.psx >"$out"
PS_DEADLINE=2s breaks "connections that break, until the deadline" 'in time\|nothing came' timeout 20 cat p.psx
"$psctl" proxy "$bad/cut-late/a?http.timeout=2s" -o p.psx >"$out"
breaks "connections that break, until the timeout" 'within 2 s' timeout 20 cat p.psx
rm on

# A proxy of HTTP that wants a password will not want another try.
rm -f asked
PS_DEADLINE=5s PS_ALLOW=https://example.invalid https_proxy=$bad \
    fails "a tunnel is refused" 'refuses a tunnel.*407' "$psctl" proxy https://example.invalid/a -o p.psx
is "it was asked for once" [ "$(wc -l <asked)" = 1 ]

# --- another version ---
for way in "$url" "$url/dated" "$url/streams"; do
    cp www/a www/c
    touch -d 2020-01-01 www/c
    "$psctl" proxy "$way/c" -o p.psx >"$out"
    cp other www/new && mv www/new www/c
    stale "replaced: ${way##*/}" 'version' cat p.psx
    cp www/a www/c
    touch -d 2020-01-01 www/c
    run on cmp p.psx www/a
    is "the same again: ${way##*/}" [ $status = 0 ]
    rm www/c
    breaks "deleted: ${way##*/}" 'not there' cat p.psx
done
cp www/a www/c
"$psctl" proxy "$url/c" -o p.psx >"$out"
cp other www/c
breaks "replaced within the second that it was made in" 'version' cat p.psx
touch www/c
PS_DEADLINE=1s does "that second is waited out, however short a deadline is" bytes "$psctl" proxy "$url/c" -o p.psx
cat >scan.py <<'END'
import os, subprocess, sys
proxy = open("p.psx", "rb", buffering=0)
good = open("www/a", "rb").read()
at = 0
while at < len(good):
    part = os.pread(proxy.fileno(), 100000, at)
    assert part == good[at : at + len(part)] and part, "a wrong byte"
    at += len(part)
    if at == 200000:
        subprocess.run(sys.argv[1], shell=True, env={})
END
for change in 'cp other www/new; mv www/new www/c' 'cat other >www/c' 'head -c 250000 www/a >www/c'; do
    cp www/a www/c
    "$psctl" proxy "$url/c" -o p.psx >"$out"
    stale "in the middle of a scan: $change" 'version' python3 scan.py "$change"
done
cp www/a www/c
"$psctl" proxy "$url/c" -o p.psx >"$out"
breaks "deleted in the middle of a scan" 'not there' python3 scan.py 'rm www/c'

# --- the server ---
"$psctl" proxy "$url/a?http.timeout=1s" -o p.psx >"$out"
"$psctl" proxy "$url/a" -o patient.psx >"$out"
"$psctl" proxy "$url/streams/a" -o stream.psx >"$out"
kill -STOP "$nginx"
breaks "frozen" 'within 1 s' cat p.psx
late "frozen" 'in time' patient.psx
PS_DEADLINE=2s breaks "frozen, an open that asks" 'in time' timeout 20 cat "$url/a"
PS_DEADLINE=2s ends "frozen, exists" 3 timeout 20 "$psctl" exists patient.psx
late "frozen, without ranges" 'in time' stream.psx
kill -CONT "$nginx"
reads "thawed" www/a p.psx
nginx_stop "$nginx"
breaks "killed" 'connect\|Connection' cat p.psx
(PS_DEADLINE=20s on md5sum p.psx >sum 2>&1) &
reader=$!
sleep 0.5
nginx_start "${ports% *}"
wait $reader
is "started again while a program reads" [ "$(cut -d ' ' -f 1 sum)" = "$(md5sum <www/a | cut -d ' ' -f 1)" ]
reads "started again" www/a p.psx

# --- the program ---
# what libcurl wakes itself with must not become the program's
cat >close.py <<'END'
import os, socket
proxy = open("p.psx", "rb", buffering=0)
good = open("www/a", "rb").read()
assert os.pread(proxy.fileno(), 1000, 0) == good[:1000]
number = os.dup2(proxy.fileno(), 200)
os.closerange(3, 200)
mine = [socket.socketpair() for _ in range(20)]
for one, other in mine:
    one.send(b"mine")
    other.send(b"yours")
assert os.pread(number, 3000000, 0) == good
for one, other in mine:
    assert (one.recv(9), other.recv(9)) == (b"yours", b"mine")
child = os.fork()
if child == 0:
    proxy = os.open("p.psx", os.O_RDONLY)
    assert os.pread(proxy, 3000000, 0) == good
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
END
"$psctl" proxy "$url/streams/a" -o p.psx >"$out"
run on python3 close.py
is "a stream, and a program that closes everything" [ $status = 0 ]
"$psctl" proxy "$url/a" -o p.psx >"$out"
run on python3 close.py
is "ranges, and a program that closes everything" [ $status = 0 ]
breaks "no descriptor is left for a connection" 'no socket: Too many open files' python3 -c 'import os, resource
proxy = os.open("p.psx", os.O_RDONLY)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
os.pread(proxy, 1000, 1000000)'
finish
