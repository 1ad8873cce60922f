# tree_test.sh: what programs of one psctl run fetch, they fetch once, and nothing is left of it
. "$HERE/common.sh"
. "$HERE/http_server.sh"
nginx_start "$(free_ports 1)"
url=http://127.0.0.1:$port
export PS_ALLOW="$url" PS_ENGINE="$ENGINE"
head -c 50000123 /dev/urandom >www/a
head -c 3000000 /dev/urandom >www/b
head -c 3000000 /dev/urandom >www/c
for object in a b c; do "$psctl" proxy "$url/$object" -o $object.psx >"$out"; done

# moves FROM TO: so many bytes
moves() {
    bytes=$(moved)
    [ "$bytes" -ge "$1" ] && [ "$bytes" -le "$2" ] || {
        echo "    $bytes bytes moved"
        return 1
    }
}

# tree COMMAND...: below psctl run
tree() {
    run timeout -k 5 60 "$psctl" run -- "$@"
}

# right NUMBER FILE: so many have read what is in FILE, and nothing was said
right() {
    [ "$(grep -c "$(md5sum <"$2" | cut -d ' ' -f 1)" "$out")" = "$1" ] && [ ! -s "$err" ]
}

# What the programs of a tree do; its file is where PS_CACHE says.
cat >act.py <<'END'
import hashlib, os, signal, subprocess, sys, time

SLOT = 1 << 44
path = os.environ["PS_CACHE"]

def kept():
    return os.stat(path).st_blocks * 512

def read(proxy):
    print(subprocess.run(["md5sum", proxy], check=True, stdout=subprocess.PIPE).stdout.decode(),
          end="", flush=True)

def alone(proxy):
    subprocess.run("true") # which reads nothing
    open(proxy, "rb").read()
    print(kept())
    read(proxy)
    print(kept() > 3000000)

def last(proxy): # after what this process has started when it was another program
    print(hashlib.md5(open(proxy, "rb").read()).hexdigest(), flush=True)
    os.wait()

def parent(proxy, go): # reads all before its child opens it
    child = subprocess.Popen(["sh", "-c", 'until [ -e "$1" ]; do sleep 0.01; done; md5sum "$0"',
                              proxy, go])
    print(hashlib.md5(open(proxy, "rb").read()).hexdigest(), flush=True)
    open(go, "w").close()
    child.wait()

def inode(proxy):
    print(os.stat(path).st_ino)
    read(proxy)

def spoil(proxy): # all but what says whose a slot is
    read(proxy)
    with open(path, "r+b") as file:
        at, pages = SLOT + 4096, 0
        while True:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            if at % SLOT != 0:
                os.pwrite(file.fileno(), os.urandom(4096), at)
                pages += 1
            at += 4096
    print("pages", pages > 700)
    read(proxy)

def limit(*proxies):
    for proxy in proxies:
        read(proxy)
        print(kept() < 9000000)

def orphan(proxy, done):
    if os.fork() > 0:
        time.sleep(60)
    os.setsid()
    os.kill(os.getppid(), signal.SIGKILL)
    while os.path.exists(path):
        time.sleep(0.01)
    read(proxy)
    read(proxy)
    open(done, "w").close()

def nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    number = int(path.split("/")[4])
    for attempt in (lambda: os.open(f"/proc/self/fd/{number}", os.O_RDONLY),
                    lambda: os.open(f"/proc/self/fd/{number}", os.O_RDWR),
                    lambda: os.open(path, os.O_RDWR),
                    lambda: os.pread(number, 1, 0),
                    lambda: os.pwrite(number, b"x", 0)):
        try:
            attempt()
            print("done")
        except OSError:
            print("refused")

globals()[sys.argv[1]](*sys.argv[2:])
END
cat >gone.py <<'END'
import glob, os, sys
for path in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if "libps-cache" in os.readlink(path) and os.stat(path).st_ino == int(sys.argv[1]):
            sys.exit(path + " is there")
    except OSError:
        pass
END

# --- together, and one after the other ---
moved >"$out"
eight='for i in 1 2 3 4 5 6 7 8; do md5sum "$1" & done; wait'
tree sh -c "$eight" sh a.psx
is "eight programs" right 8 www/a
is "all is moved once for them" moves 50000123 52600000
tree sh -c 'md5sum a.psx; md5sum a.psx; exec md5sum a.psx'
is "three in a row" right 3 www/a
is "all is moved once for them, too, and nothing was there from before" moves 50000123 52600000
tree sh -c 'md5sum a.psx & exec python3 act.py last a.psx'
is "one of two is the first program itself" right 2 www/a
is "they share as well" moves 50000123 52600000
tree "$psctl" run -- sh -c "$eight" sh b.psx
is "a run in a run" right 8 www/b
is "it is one tree" moves 3000000 3150000
tree python3 -c 'import subprocess
for i in range(3): subprocess.run(["md5sum", "b.psx"])'
is "programs that are given no descriptors" right 3 www/b
is "they share, too" moves 3000000 3150000
tree sh -c 'env -i /usr/bin/md5sum b.psx; env -i /usr/bin/md5sum b.psx'
is "programs that are given no environment" right 2 www/b
is "so do they" moves 3000000 3150000
run "$psctl" run --stats --json -- sh -c 'md5sum b.psx; md5sum b.psx'
is "it is counted" grep -q '"total": {.*"fetched": 3000000,.*"cached": 3000000}' "$err"

# --- who has nobody to share with ---
tree python3 act.py alone b.psx
is "a program alone keeps nothing" [ "$(sed -n 1p "$out")" = 0 ]
is "what it starts does" [ "$(sed -n 3p "$out")" = True ]

moved >"$out"
tree python3 act.py parent b.psx go
is "a program with a child" right 2 www/b
is "it keeps what it reads" moves 3000000 3150000

# --- who says otherwise ---
moved >"$out"
PS_CACHE='' tree sh -c 'md5sum b.psx; md5sum b.psx'
is "no cache" right 2 www/b
is "each has moved all" moves 6000000 6300000
PS_CACHE=$tmp/cache tree sh -c 'md5sum b.psx; md5sum b.psx'
is "a folder" right 2 www/b
is "all is there" [ "$(du -s --block-size=1 cache | cut -f 1)" -gt 3000000 ]
tree sh -c 'echo "$PS_CACHE"'
ended=$(cat "$out")
PS_CACHE=$ended run on md5sum b.psx
is "of a tree that has ended" right 1 www/b
cp www/b other
run on sh -c 'PS_CACHE=/proc/$$/fd/9 exec md5sum b.psx' 9<>other
is "what is no tree's" right 1 www/b
is "it is not written to" cmp -s www/b other
for most in 64 200; do
    run sh -c 'ulimit -n $2; exec "$1" run -- sh -c "md5sum b.psx; md5sum b.psx; echo \$PS_CACHE."' \
        sh "$psctl" $most
    is "$most descriptors" right 2 www/b
    is "there is no cache then" [ "$(tail -n 1 "$out")" = . ]
done
tree sh -c 'ulimit -f 39063; md5sum b.psx; md5sum b.psx'
is "a limit on files" right 2 www/b

# --- how it ends ---
tree python3 act.py inode b.psx
is "nothing is left" python3 gone.py "$(sed -n 1p "$out")"
cat >kill.sh <<'END'
md5sum a.psx &
first=$!
for i in 2 3 4 5 6 7 8; do md5sum a.psx & done
until [ "$(stat -L -c %b "$PS_CACHE")" -gt 10000 ]; do :; done
kill -9 $first
wait
END
moved >"$out"
tree sh kill.sh
: >"$err" # a shell may tell of it
is "one of eight is killed" right 7 www/a
is "little is moved twice" moves 50000123 85000000
tree python3 act.py orphan b.psx "$tmp/orphan"
tries=0
until [ -e orphan ] || [ $tries = 600 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
: >"$err"
is "the first program is killed, its child goes on" right 2 www/b
is "and still shares" moves 3000000 3150000

# --- what is not right ---
tree python3 act.py spoil b.psx
is "bytes that nobody wrote" right 2 www/b
is "they were everywhere" grep -q '^pages True' "$out"
export PS_CACHE_SIZE=8M
tree python3 act.py limit b.psx c.psx a.psx b.psx
is "b within a limit" right 2 www/b
is "a within a limit" right 1 www/a
is "the limit holds" [ "$(grep -c True "$out")" = 4 ]
tree sh -c "$eight" sh a.psx
is "eight, of more than the limit" right 8 www/a
moved >"$out"
tree sh -c 'md5sum a.psx; md5sum c.psx; md5sum c.psx'
is "what nobody uses makes room" right 2 www/c
is "for what is used twice" moves 53000123 55000000
unset PS_CACHE_SIZE
if [ "$(id -u)" = 0 ]; then
    tree python3 act.py nobody
    is "who gives up the user's rights can't read or write it" [ "$(grep -c refused "$out")" = 5 ]
fi
finish
