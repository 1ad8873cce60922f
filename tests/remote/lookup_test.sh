# lookup_test.sh: a name server that says nothing for longer than a request may take
. "$HERE/common.sh"
port=$(free_ports 1)
head -c 300000 /dev/urandom >a
stand_in http_stand_in "$port" a
export PS_ALLOW="http://store.test:$port"
${CC:-cc} -D_GNU_SOURCE -shared -fPIC "$HERE/slow_lookup.c" -o slow.so -ldl || exit 2
LD_PRELOAD=$tmp/slow.so "$psctl" proxy "http://store.test:$port/good/10/a?http.timeout=20s" -o p.psx >"$out"
for i in $(seq 10 39); do # a store each
    sed "s|/good/10/|/good/$i/|; s|timeout=20s|timeout=300ms|" p.psx | head -c 4093 >"$i.psx"
done

cat >rounds.py <<'END'
import ctypes, os, sys, time

lookups = ctypes.c_int.in_dll(ctypes.CDLL(sys.argv[1]), "slow_lookups")
good = open("a", "rb").read()
proxies = [os.open("%d.psx" % i, os.O_RDONLY) for i in range(10, 40)]

def fails(proxy, block):
    try:
        os.pread(proxy, 100, 4096 * block)
    except OSError:
        return
    raise SystemExit("no failure")

def left_behind():
    open("slow", "w").close()
    for proxy in proxies:
        fails(proxy, 0)
    os.remove("slow")
    while lookups.value > 0:
        time.sleep(0.1)
    time.sleep(1) # for another lookup
    return len(os.listdir("/proc/self/fd"))

before = left_behind()
after = left_behind()
print("descriptors:", before, after)
assert after < before + 15
open("slow", "w").close()
most = 0
for block in range(30):
    fails(proxies[0], block)
    most = max(most, lookups.value)
os.remove("slow")
print("lookups at once:", most)
assert most < 15
while True:
    try:
        assert os.pread(proxies[0], 100, 280000) == good[280000:280100]
        break
    except OSError:
        time.sleep(0.1)
END
on_slowly() {
    timeout -k 5 60 env LD_PRELOAD="$INST/libps.so.1 $tmp/slow.so" PS_ENGINE="$ENGINE" "$@"
}
# nobody can end a lookup
PS_READ_AHEAD=0 run on_slowly python3 rounds.py "$tmp/slow.so"
is "lookups are few, leave no descriptor, and find the name in the end" [ $status = 0 ]
is "they were told" grep -q '^libps: .*within 0.3 s' "$err"
is "there were not more of them" grep -q '^libps: .*looking up names takes too long' "$err"
finish
