# s3_sums_test.sh: bytes that were damaged on their way to S3, or from there
. "$HERE/common.sh"
port=$(free_ports 1)
stand_in s3_stand_in "$port"
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_REGION=eu-test-1
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+'
url=s3://bucket/x
head -c 3000000 /dev/urandom >a
head -c 12345 /dev/urandom >b
head -c 12000000 /dev/urandom >large
: >empty

# said PATTERN: so many lines of the stand-in since the last "begin"
begin() {
    lines=$(wc -l <stand_in)
}
said() {
    tail -n +$((lines + 1)) stand_in | grep -c "^$1\$"
}

# --- on the way there ---
begin
does "put" 12345 "$psctl" put b --store "$url" --key b
does "put an empty one" ' 0 bytes' "$psctl" put empty --store "$url" --key empty
is "with their sums" [ "$(said 'sum signed told')" = 2 ]
does "put in parts" 12000000 "$psctl" put large --store "$url?s3.part=5M" --key large
is "each part with its own" [ "$(said 'sum signed told')" = 5 ]
touch no_parts
does "put in parts, of which no sums are known" 12000000 "$psctl" put large -o x.psx --store "$url?s3.part=5M" --key none
is "they are signed all the same" [ "$(said 'sum signed none')" = 3 ]
rm no_parts
does "copy in parts" 12000000 "$psctl" copy large.psx -o x.psx --store "$url?s3.part=5M" --key parts
is "what is far away is not read twice for sums" [ "$(said 'sum none none')" = 3 ]
begin
does "copy" 12345 "$psctl" copy b.psx -o copy.psx --store "$url" --key copy
is "what is far away is not read twice" [ "$(said 'sum none none')" = 1 ]
for way in "b $url" "large $url?s3.part=5M"; do
    file=${way% *} store=${way#* }
    echo 1 >damage
    PS_DEADLINE=20s does "damaged once: $file" bytes "$psctl" put "$file" -o x.psx --store "$store" --key "once-$file"
    is "damaged once: $file: right now" sh -c "'$psctl' get x.psx | cmp -s - $file"
    echo 99 >damage
    rm x.psx
    fails "damaged each time: $file" 'other bytes came to the server.*\(BadDigest\|Mismatch\)' \
        "$psctl" put "$file" -o x.psx --store "$store" --key "never-$file"
    rm damage
    fails "damaged each time: $file: not there" 'NoSuchKey' "$psctl" proxy "$url/never-$file" -o x.psx
done
is "no upload is left" [ "$(grep '^uploads' stand_in | tail -n 1)" = 'uploads 0' ]

# --- servers that have none ---
for status in 400 501; do
    echo $status >no_sums
    begin
    does "put where sums are refused: $status" 12345 "$psctl" put b -o plain.psx --store "$url" --key plain$status
    is "once: $status" [ "$(said 'refused x-amz-checksum-sha256') $(said 'sum signed none')" = '1 1' ]
    run on sh -c 'cat plain.psx b.psx'
    is "read where they are refused: $status" sh -c "cat b b | cmp -s - '$out'"
    does "put in parts where they are refused: $status" 12000000 \
        "$psctl" put large -o x.psx --store "$url?s3.part=5M" --key parts -f
    rm no_sums
done

# --- on the way here ---
for kind in sha256 sha1 crc32 crc32c crc64nvme; do
    echo $kind >kind
    begin
    run on cat b.psx
    is "$kind" cmp -s b "$out"
    is "$kind: told" [ "$(said "told $kind")" = 1 ]
    echo 99 >damage
    breaks "$kind: damaged" "other bytes came.* their $kind is" cat b.psx
    echo 1 >damage
    PS_DEADLINE=20s run on cat b.psx
    is "$kind: damaged once" cmp -s b "$out"
done
for kind in 'sha256 3q2+7w==-2' 'sha512' none; do
    echo "$kind" >kind
    run on cat b.psx
    is "no sum of all that is known: $kind" cmp -s b "$out"
done
rm kind damage

# --- of objects that are read in pieces, and of their parts ---
"$psctl" put large -o large.psx --store "$url?s3.part=5M" --key large -f >"$out"
"$psctl" put a -o a.psx --store "$url" --key a -f >"$out"

# part.sh NUMBER: of large, by small reads
echo 'exec dd if=large.psx bs=64K skip=$((80 * ($1 - 1))) count=80 status=none' >part.sh
# heads NUMBER: how often it was asked for the sum of that part, 0: of the whole
heads() {
    said "head $1"
}

for object in a large; do
    begin
    run on cat $object.psx
    is "the whole is looked at: $object" cmp -s "$object" "$out"
    is "the whole is looked at, once: $object" [ "$(heads 0)" = 2 ]
    echo 1000000 >spoiled
    breaks "the whole is another one: $object" "other bytes came.* their sha256 is" cat $object.psx
    rm spoiled
done
begin
PS_READ_AHEAD=0 run on sh part.sh 1
is "no whole has come" cmp -s -n 5242880 large "$out"
is "no whole has come: it is looked at whether there is one" [ "$(heads 0)" = 1 ]
touch composite
for way in all 2 3; do
    begin
    if [ $way = all ]; then
        run on cat large.psx
        is "all parts" cmp -s large "$out"
        is "all parts: each once" [ "$(heads 0) $(heads 2) $(heads 3)" = '1 1 1' ]
    else
        run on sh part.sh $way
        is "part $way" sh -c "tail -c +$((5242880 * ($way - 1) + 1)) large | head -c 5242880 | cmp -s - '$out'"
    fi
done
echo 6000000 >spoiled
export PS_READ_AHEAD=0
run on sh part.sh 1
is "another part is not the store's" cmp -s -n 5242880 large "$out"
breaks "this part is not the store's" "other bytes came.* their sha256 is" sh part.sh 2
is "all but the last of it was given" [ "$(wc -c <"$out")" = $((5242880 - 65536)) ]
unset PS_READ_AHEAD
rm spoiled
# jumps.py PROXY FILE: threads, and a child, read and touch here and there what is dropped meanwhile
cat >jumps.py <<'END'
import mmap, os, random, sys, threading
wanted = open(sys.argv[2], "rb").read()
fd = os.open(sys.argv[1], os.O_RDONLY)
memory = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
wrong = []
def jump(seed, times):
    random.seed(seed)
    for i in range(times):
        at, size = random.randrange(len(wanted)), random.choice((5000, 300000, 3000000))
        got = os.pread(fd, size, at) if i % 2 else memory[at : at + size]
        if got != wanted[at : at + size]:
            wrong.append(at)
def jumps(first):
    threads = [threading.Thread(target=jump, args=(first + i, 40)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
jumps(0)
child = os.fork()
jumps(10 if child else 20)
if child == 0:
    os._exit(len(wrong) > 0)
sys.exit(os.waitpid(child, 0)[1] != 0 or len(wrong) > 0)
END
head -c 40000000 /dev/urandom >huge
"$psctl" put huge --store "$url?s3.part=5M" --key huge >"$out"
for memory in 16M 32M 1G; do
    PS_MEMORY=$memory run on python3 jumps.py huge.psx huge
    is "parts that are dropped again: $memory" sh -c "[ $status = 0 ] && ! grep ^libps '$err'"
done
for odd in coded whole; do
    echo $odd >odd_heads
    run on cat large.psx
    is "sums that are not of a part: $odd" sh -c "[ $status = 0 ] && cmp -s large '$out'"
done
rm odd_heads
echo 5242880 6000000 5242880 23514240 >composite
begin
run on cat huge.psx
is "parts of several sizes" sh -c "[ $status = 0 ] && cmp -s huge '$out'"
PS_READ_AHEAD=0 run on dd if=huge.psx bs=64K skip=160 count=80 status=none
is "a part as long as the first, and elsewhere" sh -c "tail -c +10485761 huge | head -c 5242880 | cmp -s - '$out'"
is "a part as long as the first: it was asked about" [ "$(heads 3)" -gt 0 ]
: >composite
touch late_heads
echo 9000000 >spoiled
breaks "what comes while its sums are asked for" "other bytes came.* their sha256 is" cat huge.psx
rm spoiled
# forks.py PROXY FILE: a child of a process that waits for an answer about sums
cat >forks.py <<'END'
import os, sys, threading, time
wanted = open(sys.argv[2], "rb").read()
fd = os.open(sys.argv[1], os.O_RDONLY)
lates = open("stand_in").read().count("late\n")
thread = threading.Thread(target=os.pread, args=(fd, 6000000, 0))
thread.start()
while open("stand_in").read().count("late\n") == lates:
    time.sleep(0.01)
child = os.fork()
if child == 0:
    os._exit(os.pread(fd, len(wanted), 0) != wanted)
thread.join()
sys.exit(os.waitpid(child, 0)[1] != 0)
END
PS_READ_AHEAD=0 run on timeout 30 python3 forks.py huge.psx huge
is "a child forked meanwhile" [ $status = 0 ]
rm late_heads
export PS_CACHE="$PWD/cache"
for times in once again; do
    begin
    run on cat large.psx
    is "kept: $times" cmp -s large "$out"
    is "what is kept is asked for nothing: $times" [ "$(heads 0) $(heads 3)" = "$([ $times = once ] && echo 1 1 || echo 0 0)" ]
done
unset PS_CACHE
for why in 403 405 500; do
    echo $why >no_heads
    PS_DEADLINE=20s run on cat large.psx
    is "sums can't be had: $why" cmp -s large "$out"
done
rm no_heads
echo none >kind
run on cat large.psx
is "there are no sums of parts" cmp -s large "$out"
rm kind composite

# whole.py URL KEY: the object by one read, as C programs get it
cat >whole.py <<'END'
import ctypes, os, sys
libps = ctypes.CDLL(os.environ["INST"] + "/libps.so.1")
store, data, size, err = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t(), ctypes.create_string_buffer(1024)
if libps.ps_store_open(ctypes.byref(store), sys.argv[1].encode(), err) or libps.ps_store_get(
        store, sys.argv[2].encode(), ctypes.byref(data), ctypes.byref(size), err):
    sys.exit(err.raw[8:].split(b"\0")[0])
sys.stdout.buffer.write(ctypes.string_at(data.value, size.value))
END
touch cut
run python3 whole.py "$url" a
is "a connection that breaks in the middle" sh -c "[ $status = 0 ] && [ ! -e cut ] && cmp -s a '$out'"
for breaks in cut whole; do
    touch $breaks
    echo 1 >damage
    run python3 whole.py "$url" a
    is "damaged: $breaks" sh -c "[ $status = 1 ] && grep -q 'other bytes came' '$err'"
done
finish
