# http_streams_test.sh: what is kept of servers without ranges, for how long, and when they are asked for ranges again
. "$HERE/common.sh"
port=$(free_ports 1)
head -c 6000000 /dev/urandom >a
stand_in http_stand_in "$port" a
url=http://127.0.0.1:$port
export PS_ALLOW="$url" PS_READ_AHEAD=0
: >on
cat >held.py <<'END'
import os, sys, threading, time

good = open("a", "rb").read()

def check(proxy, offset, size=100):
    assert os.pread(proxy, size, offset) == good[offset : offset + size], "a wrong byte"

def held(kind):
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += kind(os.readlink("/proc/self/fd/" + name))
        except OSError:
            pass
    return found

def sockets():
    return held(lambda path: path.startswith("socket:"))

def files():
    return held(lambda path: path.startswith("/tmp/") and path.endswith("(deleted)"))

def asked(what):
    with open("paths") as file:
        return sum(what in line for line in file)
END

# --- many objects in the middle of their streams ---
"$psctl" proxy "$url/whole/100" -o 100.psx >"$out"
for i in $(seq 101 199); do
    sed "s|/whole/100|/whole/$i|" 100.psx >"$i.psx"
done
"$psctl" proxy "$url/whole/bare" -o bare.psx >"$out"
cat >many.py <<'END'
from held import *

bare = os.open("bare.psx", os.O_RDONLY)
check(bare, 0)
proxies = [os.open("%d.psx" % i, os.O_RDONLY) for i in range(100, 200)]

def rounds(first, last):
    for i in range(first, last):
        for proxy in proxies:
            check(proxy, 4096 * i)

rounds(0, 11)
print(sockets(), files())
# connections with what libcurl wakes itself by, and files: of 32 streams, and the one without a version
assert sockets() < 140 and files() < 40
for proxy in proxies:
    check(proxy, 2900000)
once = asked("bare")
check(bare, 2900000)
assert asked("bare") == once, "it was asked for again"
END
run on python3 many.py
is "few connections and files are kept, a thousand streams leave nothing, and all can be read on" [ $status = 0 ]

# --- ranges again ---
"$psctl" proxy "$url/whole-slow/a" -o a.psx >"$out"
cat >again.py <<'END'
from held import *

proxy = os.open("a.psx", os.O_RDONLY)

def moved(offset):
    if os.path.exists("moved"):
        os.remove("moved")
    check(proxy, offset)
    with open("moved") as file:
        return sum(map(int, file))

check(proxy, 0)
with open("on", "w") as file:
    file.write("other-tag") # ranges, of another version: the stream goes on
time.sleep(1.1)
check(proxy, 2000000)
os.remove("on")
time.sleep(2.1)
assert moved(5900000) < 100000
assert moved(5700000) < 100000
open("on", "w").close()
check(proxy, 5600000)
END
run on python3 again.py
is "a server that has ranges again is asked for them, in the same version" [ $status = 0 ]
: >on

# --- connections that nobody uses ---
"$psctl" proxy "$url/late/a?http.timeout=3s" -o late.psx >"$out"
cat >idle.py <<'END'
from held import *

proxy = os.open("late.psx", os.O_RDONLY)
threads = [threading.Thread(target=check, args=(proxy, 300000 * i)) for i in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
many = sockets()
time.sleep(3.1)
check(proxy, 100000)
print(many, sockets())
assert many >= 12 and sockets() <= 6
END
run on python3 idle.py
is "connections that are not used go" [ $status = 0 ]
finish
