# learn_test.sh: what a program fetched once is on its way before it asks for it
. "$HERE/common.sh"
. "$HERE/http_server.sh"
nginx_start "$(free_ports 1)"
url=http://127.0.0.1:$port
export PS_ALLOW="$url"
head -c 20000123 /dev/urandom >www/a
"$psctl" proxy "$url/a" -o a.psx >"$out"
cp www/a www/b
cat www/a www/b >twice
"$psctl" proxy "$url/b" -o b.psx >"$out"
mkdir -m 700 notes
# pages of a file at random, by read or by memory; waits in between if it is told to
cat >reader.py <<'END'
import mmap, os, random, sys, time
path, how, seed, waits = sys.argv[1:5]
random.seed(int(seed))
fd = os.open(path, os.O_RDONLY)
size = os.fstat(fd).st_size
memory = mmap.mmap(fd, 0, prot=mmap.PROT_READ) if how == "map" else None
if waits == "wait":
    open("opened", "w").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
for i in range(100):
    at = random.randrange(size - 4096)
    sys.stdout.buffer.write(memory[at:at + 4096] if memory else os.pread(fd, 4096, at))
END

# bytes: that the server has sent since the log was emptied
bytes() {
    awk '$9 ~ /^20/ { sum += $10 } END { print sum + 0 }' nginx/requests
}

# right NAME HOW SEED: the program finds what is in the file
right() {
    python3 reader.py www/a read "$3" go >wanted
    run on python3 reader.py a.psx "$2" "$3" go
    is "$1" cmp -s "$out" wanted
}

# ahead NAME HOW SEED BYTES: all comes before it is asked for, so that the server can go
ahead() {
    rm -f opened go
    : >nginx/requests
    on python3 reader.py a.psx "$2" "$3" wait >"$out" 2>"$err" &
    reader=$!
    tries=0
    until [ -e opened ] && [ "$(bytes)" -ge "$4" ] || [ $tries = 200 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    sleep 0.3
    nginx_stop "$nginx"
    touch go
    wait $reader
    is "$1" cmp -s "$out" wanted
    nginx_start "$port"
}

for how in read map; do
    rm -f notes/*
    export PS_LEARN="$tmp/notes"
    : >nginx/requests
    right "the first run, $how" $how 1
    is "it is noted, $how" [ "$(stat -c '%a %s' notes/* | cut -d ' ' -f 1)" = 600 ]
    sleep 0.2
    ahead "the second run needs no server, $how" $how 1 "$(bytes)"
    noted=$(stat -c %s notes/*)
    right "one that does other things, $how" $how 2
    is "it is noted, too, $how" [ "$(stat -c %s notes/*)" -gt "$noted" ]
    PS_MEMORY=16M right "with little memory, $how" $how 2
done

# --- what is foretold is not looked ahead to ---

# part.py PROXY BYTES: a part in the middle, once so much has come
cat >part.py <<'END'
import os, sys, time
def come():
    reads = [line.split() for line in open("trace")] if os.path.exists("trace") else []
    return sum(int(words[5]) for words in reads if words[2] == "read")
fd = os.open(sys.argv[1], os.O_RDONLY)
end = time.monotonic() + 20
while come() < int(sys.argv[2]) and time.monotonic() < end:
    time.sleep(0.05)
os.pread(fd, 4096, 8000000 - 4096)
for i in range(10):
    sys.stdout.buffer.write(os.pread(fd, 390000, 8000000 + i * 390000))
END
# near by a small request's time, and far by a large one's
near="delay+trace+file://$tmp/www/a?delay.latency=500us&delay.bandwidth=50M"
export PS_TRACE="$tmp/trace" PS_ALLOW="$near"
"$psctl" proxy "$near" -o near.psx >"$out"
tail -c +8000001 www/a | head -c 3900000 >wanted
rm -f notes/*
come=0
for number in 1 2 3; do
    : >trace
    run on python3 part.py near.psx $come
    is "a part, run $number" cmp -s "$out" wanted
    sleep 0.3
    come=$(awk '$3 == "read" { sum += $6 } END { print sum }' trace)
    [ $number != 1 ] || first=$come
done
is "the third run fetches what the first did" [ "$come" -le $((first + first / 50)) ]
unset PS_TRACE
export PS_ALLOW="$url"

for notes in notes/*; do head -c 50000 /dev/urandom >"$notes"; done
right "notes that make no sense" read 3
for notes in notes/*; do
    python3 -c 'import struct, sys
for first, count in (0, 1 << 63), (1 << 63, 1 << 63), (4882, 1), (4882, 2), (0, 0), (0, 1 << 40):
    sys.stdout.buffer.write(struct.pack("QQ", first, count))' >"$notes"
done
right "notes of what is not there" read 3
rm notes/*
ln -s "$tmp/victim" notes/link
"$psctl" run --learn -- python3 reader.py a.psx read 4 go >"$out" 2>"$err"
victim=$(find notes -type f)
rm "$victim"
ln -s "$tmp/victim" "$victim"
right "a link in the place of notes" read 4
is "nothing is noted behind it" [ ! -e victim ]
rm "$victim"
: >victim
ln victim "$victim"
right "a hard link in the place of notes" read 4
is "nothing is noted in it" [ ! -s victim ]
rm "$victim" victim
right "notes are made" read 4
printf 'half a line' >>"$victim"
right "a line that was written in part" read 4
right "and what comes after it" read 5
is "the rest is whole again" [ $(($(stat -c %s "$victim") % 16)) = 0 ]
is "and there is some" [ -s "$victim" ]
# says NAME TEXT: one line of libps, about the folder
says() {
    is "$1: it is said" [ "$(grep -c "^libps: $tmp/.*: nothing can be learned: .*$2.*; in PS_LEARN" "$err")" = 1 ]
    is "$1: once" [ "$(grep -c '^libps: ' "$err")" = 1 ]
}

PS_LEARN=$tmp/none right "no such folder" read 4
says "no such folder" 'No such file'
mkdir -m 755 open
ln -s notes other
rm notes/*
PS_LEARN=$tmp/open right "a folder that is open to others" read 4
says "a folder that is open to others" "not this user's alone"
PS_LEARN=$tmp/other right "a symbolic link to a folder" read 4
says "a symbolic link to a folder" 'Not a directory'
PS_LEARN=$tmp/none run on cat a.psx b.psx
is "two objects" cmp -s "$out" twice
says "two objects" 'No such file'
PS_LEARN=$tmp/notes run on cat a.psx b.psx
is "nothing is said of a good one" [ ! -s "$err" ]
rm notes/*
is "nothing is noted there" [ -z "$(find open notes -type f)" ]
# 66 MiB of the past; one of 16 new files looks
for i in 1 2 3 4 5 6; do
    head -c 11534336 /dev/zero >notes/000000000000000$i
    touch -d "2001-02-0$i" notes/000000000000000$i
done
for i in $(seq 400); do
    [ -e notes/0000000000000001 ] || break
    cp /usr/bin/head "head.$i"
    on "./head.$i" -c 10 a.psx >"$out"
done
is "the oldest notes go" [ ! -e notes/0000000000000001 ]
is "and not the new ones" [ "$(find notes -type f -newer a.psx | wc -l)" = "$(find head.* | wc -l)" ]
rm notes/* head.*
breaks "a relative path" 'PS_LEARN.*absolute' env PS_LEARN=notes cat a.psx
unset PS_LEARN

run "$psctl" run --engine "$ENGINE" --learn -- cat a.psx
is "psctl run --learn" cmp -s "$out" www/a
is "it says nothing" [ ! -s "$err" ]
is "it has a folder of the user's own" [ "$(stat -c %a home/.cache/libps/learned)" = 700 ]
is "there it is noted" [ "$(find home/.cache/libps/learned -type f | wc -l)" = 1 ]
chmod 777 home/.cache/libps/learned
run "$psctl" run --learn -- cat a.psx
is "a folder that others may write to" [ $status != 0 ]
finish
