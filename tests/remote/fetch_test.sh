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
finish
