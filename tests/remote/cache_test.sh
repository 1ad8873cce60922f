# cache_test.sh: bytes of a server that stay on this machine, for all programs
. "$HERE/common.sh"
. "$HERE/http_server.sh"
nginx_start "$(free_ports 1)"
url=http://127.0.0.1:$port
export PS_ALLOW="$url" PS_CACHE="$tmp/cache"
head -c 20000123 /dev/urandom >www/a
head -c 3000000 /dev/urandom >www/b
head -c 3000000 /dev/urandom >www/c
for object in a b c; do "$psctl" proxy "$url/$object" -o $object.psx >"$out"; done

# once BYTES: so many were moved, and few more
once() {
    bytes=$(moved)
    [ "$bytes" -ge "$1" ] && [ "$bytes" -le $(($1 + $1 / 20)) ] || {
        echo "    $bytes bytes moved"
        return 1
    }
}

# kept: bytes on this machine
kept() {
    du -s --block-size=1 "$PS_CACHE" | cut -f 1
}

same_page() {
    dd if=www/b bs=4096 skip=100 count=1 status=none | cmp -s - "$out"
}

# --- what stays ---
moved >"$out"
reads "the first time" www/a a.psx
is "all is moved once" once 20000123
is "the folder is the user's alone" [ "$(stat -c %a cache)" = 700 ]
is "so are the files" [ "$(stat -c %a cache/* | sort -u)" = 600 ]
run on dd if=b.psx bs=4096 skip=100 count=1 status=none
is "a page" same_page
is "less than all is moved for it" [ "$(moved)" -lt 2000000 ]
run "$psctl" get a.psx -o a
is "psctl has it from there, too" cmp -s a www/a
is "and nothing is moved" [ "$(moved)" = 0 ]

# --- many at once ---
# eight FILE PROXY: programs that read all of it; how many found what is in FILE
eight() {
    env LD_PRELOAD="$INST/libps.so.1" PS_ENGINE="$ENGINE" md5sum "$2" >sum.1 2>err.1 &
    first=$! readers=$!
    for i in 2 3 4 5 6 7 8; do
        on md5sum "$2" >"sum.$i" 2>"err.$i" &
        readers="$readers $!"
    done
    [ $# = 2 ] || "$3"
    for reader in $readers; do wait "$reader"; done
    cat sum.* | grep -c "$(md5sum <"$1" | cut -d ' ' -f 1)"
}
head -c 100000000 /dev/urandom >www/d
"$psctl" proxy "$url/d" -o d.psx >"$out"
moved >"$out"
is "eight programs" [ "$(eight www/d d.psx)" = 8 ]
is "all is moved once for them" once 100000000

kill_one() {
    until [ -d cache ] && [ "$(kept)" -gt 10000000 ]; do :; done
    kill -9 "$first"
}
rm -r cache
is "one of eight is killed" [ "$(eight www/d d.psx kill_one)" = 7 ]
bytes=$(moved)
is "little is moved twice" [ "$bytes" -lt 170000000 ]

# --- who is slow, and who is gone ---
head -c 400000 /dev/urandom >www/e
"$psctl" proxy "$url/slow/e" -o e.psx >"$out"
moved >"$out"
is "eight programs on a slow link" [ "$(eight www/e e.psx)" = 8 ]
is "all is moved once for them, too" once 400000
# A lock on sums is on a byte from 4096 on.
cat >left.py <<'END'
import fcntl, os, signal, struct, sys, threading, time
GETLK = 36 # of open files
def locked():
    for name in os.listdir("cache"):
        with open("cache/" + name, "r+b") as file:
            lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 4096, 0, 0)
            if struct.unpack("hhqqi4x", fcntl.fcntl(file, GETLK, lock))[0] != fcntl.F_UNLCK:
                return True
    return False
if sys.argv[1] == "reader":
    file = os.open("e.psx", os.O_RDONLY)
    threading.Thread(target=os.pread, args=(file, 400000, 0)).start()
    while not os.path.exists("fetches"):
        time.sleep(0.01)
    if os.fork() == 0:
        open("child", "w").write(str(os.getpid()))
        os.rename("child", "forked")
        time.sleep(60)
        os._exit(0)
    time.sleep(60)
elif sys.argv[1] == "fetching":
    while not locked():
        time.sleep(0.01)
else:
    sys.exit(locked())
END
rm -r cache
env LD_PRELOAD="$INST/libps.so.1" PS_ENGINE="$ENGINE" python3 left.py reader &
reader=$!
until [ -d cache ]; do sleep 0.01; done
timeout 50 python3 left.py fetching
touch fetches
until [ -e forked ]; do sleep 0.01; done
kill -9 $reader
wait $reader 2>"$err"
is "who was killed leaves no lock to its child" python3 left.py left
kill -9 "$(cat forked)"

# --- what is not right ---
for file in cache/*; do truncate -s 3000000 "$file"; done
reads "files cut short" www/a a.psx
for file in cache/*; do : >"$file"; done
reads "emptied files" www/b b.psx
for file in cache/*; do
    dd if=/dev/zero of="$file" bs=4096 seek=100 count=300 conv=notrunc status=none
done
reads "pages that a disk lost" www/b b.psx
reads "pages that a disk lost, and their neighbours" www/a a.psx
for file in cache/*; do
    size=$(stat -c %s "$file")
    head -c "$size" /dev/urandom >"$file"
done
reads "bytes that nobody wrote" www/b b.psx
moved >"$out"
reads "they are mended" www/b b.psx
is "and nothing more is moved" [ "$(moved)" = 0 ]
sed 's/^size: 3000000/size: 2998272/' b.psx >lies.psx
breaks "a proxy that says another size" '3000000' cat lies.psx
rm -r cache
run on python3 -c 'import os, shutil, sys
file = open(sys.argv[1], "rb")
head = file.read(1000)
shutil.rmtree(os.environ["PS_CACHE"])
sys.stdout.buffer.write(head + file.read())' b.psx
is "the folder goes meanwhile" cmp -s www/b "$out"
reads "the folder is made again" www/b b.psx
old=$(md5sum <www/b)
head -c 3000000 /dev/urandom >www/b
run on cat b.psx
is "a proxy of the object that was, which is there still" [ "$(md5sum <"$out")" = "$old" ]
rm -r cache
breaks "it has gone with the cache" 'changed\|version\|another' cat b.psx
"$psctl" proxy "$url/b" -o b.psx >"$out"
reads "a proxy of the new one" www/b b.psx

# --- a digest finds what is wrong ---
head -c 3000000 /dev/urandom >www/f
# digested OBJECT: its proxy, with its digest
digested() {
    "$psctl" proxy "$url/$1" -o plain.psx >"$out"
    {
        sed '/^version/q' plain.psx
        echo "digest: sha256:$(sha256sum <"www/$1" | cut -d ' ' -f 1)"
        yes ''
    } | head -c 4093 >"$1.psx"
}
digested f
cp -p www/f f
touch -r www/f f
tr '\000-\377' '\001-\377\000' <f >www/f
touch -r f www/f
breaks "other bytes of the same version" 'digest' cat f.psx
cp f www/f
touch -r f www/f
reads "they are not kept" f f.psx
# never all of it in memory
truncate -s 50000000 h
touch -d 2001-02-03 h
cp -p h www/h
digested h
printf wrong | dd of=www/h conv=notrunc status=none
touch -r h www/h
run "$psctl" get h.psx -o got
is "psctl gets no other bytes" sh -c "[ $status = 1 ] && grep -q 'digest is' '$err' && [ ! -e got ]"
cp -p h www/h
run "$psctl" get h.psx -o got
is "nor are they kept for it" cmp -s got h

# --- the environment goes ---
run on python3 -c 'import os, sys
parent = open(sys.argv[1], "rb")
os.environ.clear()
sys.stdout.buffer.write(parent.read(1000))
sys.stdout.buffer.flush()
if os.fork() == 0:
    sys.stdout.buffer.write(open(sys.argv[1], "rb").read()[1000:])
    sys.stdout.buffer.flush()
    os._exit(0)
os.wait()' b.psx
is "what was configured stays, for children too" cmp -s www/b "$out"

# --- what is counted ---
counts() { # counts NAME FETCHED CACHED: of a run that reads all of b
    PS_ENGINE=$ENGINE run "$psctl" run --stats --json cat b.psx
    is "$1" grep -q "\"total\": {.*\"fetched\": $2,.*\"cached\": $3}" "$err"
}
counts "what comes from the cache" 0 3000000
rm -r cache
counts "what comes from the store" 3000000 0

reads "kept again" www/b b.psx
chmod 640 cache/*
moved >"$out"
reads "files that others may have written" www/b b.psx
is "they are not believed" [ "$(moved)" != 0 ]

# --- no room ---
rm -r cache
export PS_CACHE_SIZE=8M
mkdir -m 700 cache
theirs=cache/$(printf %064d 1)
echo theirs >"$theirs"
touch -d 2001-02-03 "$theirs"
for object in b c a b; do
    reads "$object within a limit" www/$object $object.psx
    size=$(kept)
    is "the limit holds" [ "$size" -lt 9000000 ]
done
reads "c is there still" www/c c.psx
moved >"$out"
reads "b was used last" www/b b.psx
is "and so it is there" [ "$(moved)" = 0 ]
is "what another program keeps there stays" [ -e "$theirs" ]
run "$psctl" get a.psx -o got
is "psctl gets what is larger than the limit" cmp -s got www/a
moved >"$out"
reads "b after it" www/b b.psx
is "it is there still" [ "$(moved)" = 0 ]
rm -r cache
cat >idle.py <<'END'
import os, sys, time
file = open(sys.argv[1], "rb")
file.read()
open("has_read", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
END
on python3 idle.py b.psx &
reader=$!
until [ -e has_read ]; do sleep 0.01; done
sleep 0.5 # what is read ahead
first=$(basename cache/libps-??????????*)
reads "more than the limit, while another program idles" www/a a.psx
is "what that one has read may go" [ ! -e "cache/$first" ]
touch go
wait $reader

# Each of 64 has its first look at an empty folder, and then adds 1 MiB of its own.
cat >crowd.py <<'END'
import os, sys
MANY, SIZE, PART = 64, 1 << 20, 1 << 16
here, ready = os.pipe()
go, start = os.pipe()
for number in range(MANY):
    if os.fork() == 0:
        file = os.open(sys.argv[1], os.O_RDONLY)
        for at in range(0, SIZE, PART):
            os.pread(file, PART, number * SIZE + at)
            if at == 0:
                os.write(ready, b".")
                os.close(start)
                os.read(go, 1)
        os._exit(0)
for number in range(MANY):
    os.read(here, 1)
os.close(start)
sys.exit(any(os.wait()[1] for number in range(MANY)))
END
head -c 67108864 /dev/urandom >www/g
"$psctl" proxy "$url/g" -o g.psx >"$out"
rm -r cache
run on env PS_CACHE_SIZE=16M PS_READ_AHEAD=0 python3 crowd.py g.psx
is "64 programs at once" [ $status = 0 ]
size=$(kept)
# what each is just writing, 64 KiB and a page of sums, may come on top
is "the limit holds for them together" [ "$size" -le $((16777216 + 64 * 73728)) ]
is "it is used" [ "$size" -gt 12000000 ]
unset PS_CACHE_SIZE
if [ "$(id -u)" = 0 ] && mkdir small && mount -t tmpfs -o size=1M none small 2>"$err"; then
    chmod 700 small
    PS_CACHE=$tmp/small reads "a full file system" www/a a.psx
    umount small
    mount -t tmpfs -o size=0 none small && chmod 700 small
    moved >"$out"
    PS_CACHE=$tmp/small reads "a file system without a size" www/b b.psx
    is "all is moved once to it" once 3000000
    umount small
fi
(ulimit -f 39063 && PS_CACHE=$tmp/short reads "a limit on files" www/a a.psx)

# --- folders that are refused ---
mkdir open && chmod 755 open && ln -s cache link
breaks "a folder that is open to others" 'PS_CACHE.*chmod 700' env PS_CACHE="$tmp/open" cat b.psx
breaks "a symbolic link" 'PS_CACHE' env PS_CACHE="$tmp/link" cat b.psx
breaks "a file" 'PS_CACHE' env PS_CACHE="$tmp/www/a" cat b.psx
breaks "a relative path" 'PS_CACHE.*absolute' env PS_CACHE=cache cat b.psx
breaks "no such folder above it" 'PS_CACHE' env PS_CACHE="$tmp/no/such" cat b.psx
breaks "a size that is none" 'PS_CACHE_SIZE' env PS_CACHE_SIZE=much cat b.psx

# --- without the server ---
reads "before the server stops" www/a a.psx
nginx_stop "$nginx"
reads "after it" www/a a.psx
breaks "what was never fetched" 'connect' cat d.psx
finish
