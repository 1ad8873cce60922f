# leak_test.sh: a thousand faults leave nothing behind in the process that meets them
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
ports=$(free_ports 2)
head -c 3000000 /dev/urandom >a
stand_in http_stand_in "${ports% *}" a
redis_start "${ports#* }"
for mischief in short long reset other-tag page coded 503 404 endless endless-page; do
    "$psctl" proxy "http://127.0.0.1:${ports% *}/$mischief/a" -o $mischief.psx >"$out"
done
"$psctl" put a -o killed.psx --store "redis://127.0.0.1:${ports#* }" --key a >"$out"
"$psctl" proxy "http://127.0.0.1:${ports% *}/good/a" -o good >"$out"
redis_stop $redis
touch on

cat >rounds.py <<'END'
import ctypes, glob, mmap, os

class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks used free keep".split()]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Mallinfo2
names = sorted(glob.glob("*.psx"))
scratch = os.open("scratch", os.O_WRONLY | os.O_CREAT)

def fails(call, *arguments):
    try:
        call(*arguments)
    except OSError:
        return
    raise SystemExit("no failure")

def rounds(number):
    for i in range(number):
        proxy = os.open(names[i % len(names)], os.O_RDONLY)
        if i % 2:
            fails(os.pread, proxy, 100, 4096 * (i % 7))
        else:
            map = mmap.mmap(proxy, 0, prot=mmap.PROT_READ)
            view = memoryview(map)[4096 * (i % 7) :][:100]
            fails(os.pwrite, scratch, view, 0)
            view.release()
            map.close()
        os.close(proxy)
        good = os.open("good", os.O_RDONLY)
        os.pread(good, 100, 4096 * (i % 700))
        os.close(good)

def held():
    with open("/proc/self/maps") as maps:
        lines = len(maps.readlines())
    return [len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), lines, mallinfo2().used]

rounds(100)
held()
before = held()
rounds(1000)
after = held()
print(before, after)
# workers come when they are needed, to a limit; of heap, 100 bytes a round
for i, room in enumerate([0, 4, 20, 100000]):
    assert after[i] <= before[i] + room, (before, after)
END
# Not with the module that names functions: it keeps what it has read of programs and libraries.
mkdir inst
cp -r "$INST/libps.so.1" "$INST/libps" inst
rm inst/libps/libps-unwind.so
# Requests at the same time have connections of their own, which are kept: here is one after the other.
INST=$PWD/inst PS_READ_AHEAD=0 run on python3 rounds.py
is "descriptors, threads, mappings and heap are as before" [ $status = 0 ]
is "each fault was told" [ "$(grep -c '^libps: ' "$err")" -gt 500 ]
finish
