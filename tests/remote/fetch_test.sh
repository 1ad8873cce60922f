# fetch_test.sh: what a store is asked for: how much at once, how often, and in which order
. "$HERE/common.sh"
head -c 8000000 /dev/urandom >a
head -c 8000000 /dev/urandom >b

# reader.py PROXY FROM SIZE...: one read after the other
cat >reader.py <<'END'
import os, sys
for path, first, size in zip(*[iter(sys.argv[1:])] * 3):
    sys.stdout.buffer.write(os.pread(os.open(path, os.O_RDONLY), int(size), int(first)))
END

# --- a store's pace is known to all of its objects ----------------------------------------

mkdir objects
cp a b objects
export PS_TRACE="$tmp/trace" PS_ALLOW="delay+trace+file://$tmp/objects?delay.latency=20ms"
for object in a b; do
    "$psctl" proxy "delay+trace+file://$tmp/objects/$object?delay.latency=20ms" -o $object.psx >"$out"
done

# sizes KEY: of the reads so far, each once
sizes() {
    awk -v key="$1" '$3 == "read" && $4 == key { print $6 }' trace | sort -nu
}

: >trace
run on python3 reader.py b.psx 1000000 2097152
is "a store that is not known to be far away gives much at once" [ "$(sizes b | tail -n 1)" = 1048576 ]
: >trace
run on python3 reader.py a.psx 4000000 4096 b.psx 1000000 2097152
is "what it said of one object holds for the next" [ "$(sizes b | tail -n 1)" = 262144 ]
tail -c +1000001 b | head -c 2097152 >wanted
is "with all bytes" sh -c 'tail -c +4097 "$1" | cmp -s - wanted' sh "$out"
# --- limits that a store's URL sets ---------------------------------------------------------

port=$(free_ports 1)
stand_in fetch_server "$port" a
export PS_ALLOW="http://127.0.0.1:$port"

# threads.py URI NUMBER: so many threads read a page each, far from each other
cat >threads.py <<'END'
import os, sys, threading
fd = os.open(sys.argv[1], os.O_RDONLY)
for i in range(int(sys.argv[2])):
    threading.Thread(target=os.pread, args=(fd, 4096, i * 250000)).start()
END

# at_once NAME N OPTIONS WANTED: with 30 threads, so many requests are under way where N would be welcome
at_once() {
    : >asked
    run on python3 threads.py "http://127.0.0.1:$port/$2/$3?$3" 30
    is "$1" [ "$(cut -d ' ' -f 3 asked | sort -n | tail -n 1)" = "$4" ]
}

at_once "no more than fetch.parallel" 24 fetch.parallel=3 3
at_once "one after the other" 2 fetch.parallel=1 1
at_once "as many as fetch.parallel, where there is so much to do" 24 fetch.parallel=24 24

# sized NAME OPTIONS MOST: the largest request of one that reads all has so many bytes
sized() {
    : >asked
    run on cat "http://127.0.0.1:$port/1/a?$2"
    is "$1: the largest" [ "$(cut -d ' ' -f 2 asked | sort -n | tail -n 1)" = "$3" ]
    is "$1: all bytes" cmp -s "$out" a
    is "$1: each once" [ "$(awk '$2 > 1 { sum += $2 } END { print sum }' asked)" = 8000000 ]
}

sized "no more than fetch.size" fetch.size=64K 65536
sized "of whole blocks" fetch.size=9999 8192
sized "both" 'fetch.parallel=2&fetch.size=64K' 65536
is "both: at once" [ "$(cut -d ' ' -f 3 asked | sort -n | tail -n 1)" -le 2 ]
for wrong in size=4095 size=3M size=x size=; do
    breaks "fetch.$wrong" 'size' cat "http://127.0.0.1:$port/1/a?fetch.$wrong"
done
for wrong in parallel=0 parallel=65 parallel=-1; do
    breaks "fetch.$wrong" 'fetch.parallel is not from 1 to 64\|no size' cat "http://127.0.0.1:$port/1/a?fetch.$wrong"
done
# --- demand before look-ahead ---------------------------------------------------------------

# far.py URI: a stream begins, and while what is ahead of it does not come, a page far away is wanted
cat >far.py <<'END'
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)  # however near the store is found to be
os.pread(fd, 1 << 20, 0)
while not any(int(line.split()[0]) >= 1 << 20 for line in open("asked")):
    time.sleep(0.01)
open("far", "w").write(str(os.getpid()))
sys.stdout.buffer.write(os.pread(fd, 4096, 7000064))
END

# waits PID: the main thread is asleep, for a while
waits() {
    asleep=0
    while [ $asleep -lt 10 ] && [ -e "/proc/$1/stat" ]; do
        case $(cut -d ' ' -f 3 "/proc/$1/task/$1/stat") in
        S) asleep=$((asleep + 1)) ;;
        *) asleep=0 ;;
        esac
        sleep 0.02
    done
}

# first NAME OPTIONS: of all that was queued, the page far away is asked for first
first() {
    rm -f go far
    : >asked
    on python3 far.py "http://127.0.0.1:$port/held/a?fetch.size=32K&$2" >"$out" 2>"$err" &
    reader=$!
    tries=0
    until [ -s far ] || [ $tries = 400 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    [ ! -s far ] || waits "$(cat far)"
    touch go
    wait $reader
    tail -c +7000065 a | head -c 4096 >wanted
    is "$1: the right bytes" cmp -s "$out" wanted
    awk '$1 >= 1048576 { print ($1 <= 7000064 && $1 + $2 > 7000064 ? "far" : "ahead") }' asked >order
    is "$1: the second of what is behind the stream" [ "$(sed -n 2p order)" = far ]
}

first "what waits is first" fetch.parallel=1
first "what waits has a place of its own" fetch.parallel=2
finish
