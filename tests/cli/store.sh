# store.sh: put, proxy, get, info, evict
seq 200000 >a.txt
: >empty
mkdir folder
printf 'x' >'odd name%41 ä.bin'

# --- put ---
does "put prints the proxy, the object and the size" 'a.txt.psx: .*://.*, 1288895 bytes' \
    "$psctl" put a.txt
is "put leaves a proxy file of 4093 bytes" [ "$(stat -c %s a.txt.psx)" = 4093 ]
is "put leaves the file as it is" [ "$(seq 200000 | md5sum)" = "$(md5sum <a.txt)" ]
does "put again replaces the proxy file" . "$psctl" put a.txt
does "put -o names the proxy" '^folder/b: ' "$psctl" put a.txt -o folder/b
does "put takes a store's URL and a key" "file://$tmp/w/store/mykey" \
    "$psctl" put a.txt -o c.psx --store "file://$tmp/w/store" --key mykey
is "put has recorded the place" grep -q "recorded in $HOME/.*: allow = file://$tmp/w/store/\$" "$out"
conf=$(sed -n 's/^recorded in \(.*\): allow = .*/\1/p' "$out")
is "put has recorded it in that file" grep -q "^allow = file://$tmp/w/store/*\$" "$conf"
fails "put under a key that is there" 'key "mykey"; --force' \
    "$psctl" put empty -o c.psx --store "file://$tmp/w/store" --key mykey
is "put under a key that is there keeps the object" cmp -s a.txt store/mykey
run "$psctl" put a.txt -o c.psx --store "file://$tmp/w/store" --key mykey --force
is "put records a place once" [ "$(wc -l <"$out")" = 1 ]
does "put that can't record its place says what is needed" "need PS_ALLOW=file://$tmp/w/unknown/" \
    env PS_CONFIG=/dev/null "$psctl" put a.txt -o c.psx --store "file://$tmp/w/unknown" --key k
"$psctl" put a.txt -o c.psx --store "file://$tmp/w/store" --key mykey --force >/dev/null
does "put of an empty file" ', 0 bytes' "$psctl" put empty
does "put of an odd name" 'odd name%41' "$psctl" put 'odd name%41 ä.bin'

fails "put of a missing file" 'No such file' "$psctl" put missing
fails "put of a folder" 'is a folder' "$psctl" put folder
fails "put of a device" 'no ordinary file' "$psctl" put /dev/null
fails "put of a proxy file" 'proxy file already' "$psctl" put a.txt.psx
fails "put onto itself" 'same file' "$psctl" put a.txt -o a.txt
ln -f a.txt hard
ln -sf a.txt soft
fails "put onto itself by a hard link" 'same file' "$psctl" put a.txt -o hard
fails "put onto itself by a symbolic link" 'same file' "$psctl" put a.txt -o soft
fails "put onto a folder" 'is a folder' "$psctl" put a.txt -o folder
fails "put into a missing folder" 'No such file' "$psctl" put a.txt -o none/x
fails "put with a store that is not configured" nosuch "$psctl" put a.txt --store nosuch
fails "put with an unknown scheme" "unknown scheme 'gopher'.* no .*/lib/libps/libps-backend-gopher.so" \
    "$psctl" put a.txt --store gopher://x/y
fails "put into the memory of psctl itself" 'one process' \
    "$psctl" put a.txt -o none.psx --store delay+memory://m
is "put into the memory of psctl itself leaves no proxy" [ ! -e none.psx ]
fails "put with a key that leaves the store" key "$psctl" put a.txt --key ../x
fails "put with an empty key" key "$psctl" put a.txt --key ''
cp a.txt own
echo mine >own.psx
fails "put keeps a file that only has the proxy's name" 'no proxy file' "$psctl" put own
is "put has kept it" [ "$(cat own.psx)" = mine ]
misuse "put without a file" 'argument is missing' "$psctl" put
misuse "put of nothing" 'argument is empty' "$psctl" put ''
misuse "put of two files" 'too many' "$psctl" put a.txt empty
misuse "put with an unknown option" 'unknown option --bad' "$psctl" put --bad a.txt
misuse "put with an unknown short option" 'unknown option -z' "$psctl" put -z a.txt
misuse "put with an option's value missing" '-o needs a value' "$psctl" put a.txt -o

# --- proxy ---
does "proxy of a file" "huge.psx: file://$tmp/w/folder/huge, 588895 bytes" \
    sh -c 'seq 100000 >folder/huge; "$0" proxy folder/huge' "$psctl"
is "proxy records the object, not its folder" \
    grep -q "recorded in $HOME/.*: allow = file://$tmp/w/folder/huge\$" "$out"
does "proxy of a wrapped URL records the object itself" "allow = file://$tmp/w/empty\$" \
    "$psctl" proxy "delay+file://$tmp/w/empty?delay.latency=1ms" -o wrapped.psx
is "proxy leaves the proxy beside the file" [ -f folder/huge.psx ]
does "proxy encodes an odd name" 'odd%20name%2541%20%C3%A4.bin, 1 bytes' \
    "$psctl" proxy 'odd name%41 ä.bin'
does "proxy of a symbolic link names its target" "file://$tmp/w/a.txt," "$psctl" proxy soft
does "proxy of a URL" '^huge.psx: file://' "$psctl" proxy "file://$tmp/w/folder/huge"
is "proxy of a URL goes to this folder" [ -f huge.psx ]
does "proxy of a wrapped URL keeps its options" 'delay+file:.*latency=1ms' \
    "$psctl" proxy "delay+file://$tmp/w/folder/huge?delay.latency=1ms" -o slow.psx
fails "proxy of a missing file" 'No such file' "$psctl" proxy missing
fails "proxy of a folder" 'is a folder' "$psctl" proxy folder
fails "proxy of a proxy file" 'proxy file already' "$psctl" proxy huge.psx
fails "proxy of a missing URL" . "$psctl" proxy "file://$tmp/w/missing"
fails "proxy of a URL without an object" . "$psctl" proxy "file://$tmp/w/" -o x.psx
fails "proxy of a URL with attributes" attributes "$psctl" proxy "file://$tmp/w/a.txt#size=1"
fails "proxy of an unknown scheme" gopher "$psctl" proxy gopher://x/y
fails "proxy onto its own object" 'same file' "$psctl" proxy a.txt -o a.txt
misuse "proxy without a path" 'argument is missing' "$psctl" proxy
misuse "proxy with an unknown option" 'unknown option --with' "$psctl" proxy --with x a.txt
is "nothing was left of what failed" sh -c "[ ! -e missing.psx ] && [ ! -e x.psx ]"

# --- get ---
is "get to a pipe" sh -c '"$0" get a.txt.psx | cmp -s - a.txt' "$psctl"
ends "get to a file" 0 "$psctl" get a.txt.psx -o got
is "get to a file gets all" cmp -s got a.txt
is "get to a file obeys the umask" [ "$(stat -c %a got)" = 644 ]
ends "get of a wrapped object" 0 "$psctl" get slow.psx -o got2
is "get of a wrapped object gets all" cmp -s got2 folder/huge
ends "get of a URI" 0 "$psctl" get "file://$tmp/w/folder/huge" -o got2
is "get of an empty object" sh -c '[ "$("$0" get empty.psx | wc -c)" = 0 ]' "$psctl"
ends "get to a device" 0 "$psctl" get a.txt.psx -o /dev/null
is "get to a device keeps the device" [ -c /dev/null ]
echo old >target
ln -sf target link
ends "get to a symbolic link" 0 "$psctl" get a.txt.psx -o link
is "get to a symbolic link keeps the link" sh -c '[ -L link ] && cmp -s target a.txt'
in_terminal='import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
cp a.txt.psx term.psx
ends "get at a terminal" 0 python3 -c "$in_terminal" "$psctl" get term.psx
is "get at a terminal writes the name without .psx" cmp -s term a.txt
ends "get at a terminal keeps a file that is there" 1 \
    python3 -c "$in_terminal" "$psctl" get term.psx
fails "get of a missing proxy" missing "$psctl" get missing.psx
fails "get of a file that is no proxy" a.txt "$psctl" get a.txt
fails "get into a missing folder" none "$psctl" get a.txt.psx -o none/x
cp a.txt.psx folder/self.psx
fails "get onto the proxy itself" 'same file' "$psctl" get folder/self.psx -o folder/self.psx
is "get onto the proxy itself keeps it" cmp -s a.txt.psx folder/self.psx
fails "get to a folder" 'is a folder' "$psctl" get a.txt.psx -o folder
misuse "get without a proxy" 'argument is missing' "$psctl" get
misuse "get with an unknown option" 'unknown option' "$psctl" get --all a.txt.psx

# --- info ---
does "info shows the object and the size" '1288895 (1.2 MiB)' "$psctl" info a.txt.psx
does "info --check of an object that is there" 'check: *there' "$psctl" info --check a.txt.psx
run "$psctl" info --json --check a.txt.psx
is "info --json is JSON" is_json "$out"
is "info --json has the size" grep -q '"size": 1288895' "$out"
does "info of a URI" 'left to the store' "$psctl" info "file://$tmp/w/a.txt"
run "$psctl" info --json "file:///x/\"quote%22#version=a%22b"
is "info --json of a URI with quotes is JSON, or an error" \
    sh -c '[ "$1" = 1 ] || python3 -m json.tool "$0" >/dev/null' "$out" "$status"
touch -d 2001-01-01 folder/huge
ends "info --check of a changed object" 1 "$psctl" info --check huge.psx
is "info --check says changed" grep -q 'check: *changed' "$out"
is "info --check says what the size is now" grep -q '^size now: 588895 ' "$out"
fails "get of a changed object" . "$psctl" get huge.psx -o changed
is "get of a changed object leaves no file" [ ! -e changed ]
fails "info of a file that is no proxy" a.txt "$psctl" info a.txt
fails "info of a missing file" missing "$psctl" info missing
head -c 4000 a.txt.psx >short.psx
fails "info of a truncated proxy" short.psx "$psctl" info short.psx
sed '1s/PSX 1/PSX 9/' a.txt.psx >later.psx
fails "info of a proxy of a later release" . "$psctl" info later.psx
fails "put of a proxy of a later release" 'proxy file already' "$psctl" put later.psx
misuse "info without a proxy" 'argument is missing' "$psctl" info

# --- evict ---
does "evict removes" 'is removed' "$psctl" evict c.psx
is "evict keeps the proxy file" [ -f c.psx ]
is "evict leaves nothing in the store" [ -z "$(ls store)" ]
does "evict again" 'was not there' "$psctl" evict c.psx
fails "get of an evicted object" . "$psctl" get c.psx -o evicted
is "get of an evicted object leaves no file" [ ! -e evicted ]
ends "info --check of an evicted object" 1 "$psctl" info --check c.psx
is "info --check says missing" grep -q 'check: *missing' "$out"
"$psctl" proxy folder/huge >/dev/null
fails "evict keeps a file that no store made" 'no store made' "$psctl" evict folder/huge.psx
is "evict has kept it" [ -f folder/huge ]
ends "evict --force removes it" 0 "$psctl" evict --force folder/huge.psx
is "evict --force has removed it" [ ! -e folder/huge ]
fails "evict of a file that is no proxy" a.txt "$psctl" evict a.txt
misuse "evict without a proxy" 'argument is missing' "$psctl" evict

# --- symbolic links on the way to a store ---
mkdir real_home
ln -s real_home link_home
own_home=$HOME
HOME=$PWD/link_home
does "put below a home that is a link" "file://$tmp/w/real_home/" "$psctl" put a.txt -o linked.psx
is "get below a home that is a link" sh -c '"$0" get linked.psx | cmp -s - a.txt' "$psctl"
does "evict below a home that is a link" "is removed" "$psctl" evict linked.psx
HOME=$own_home
does "put with a store's URL that has a link" "file://$tmp/w/real_home/s/k," \
    "$psctl" put a.txt -o linked.psx --store "file://$tmp/w/link_home/s" --key k
echo "store.s = $PWD/link_home/t" >>"$conf"
does "put with a store whose folder has a link" "file://$tmp/w/real_home/t/k," \
    "$psctl" put a.txt -o linked.psx --store s --key k
is "run shows an object of a store whose folder has a link" \
    sh -c '"$0" run -- cmp -s linked.psx a.txt' "$psctl"
# a proxy that names its object by way of a link: who wrote it could turn the link meanwhile
python3 -c '
import sys
text = f"%PSX 1\0\nobject: {sys.argv[1]}\nsize: 1288895\n"
open("by_link.psx", "w").write(text.ljust(4093, "\n"))' "file://$PWD/link_home/t/k"
fails "evict of what a proxy names by way of a link" 'symbolic link' "$psctl" evict by_link.psx
is "evict has kept what a proxy names by way of a link" cmp -s real_home/t/k a.txt
does "evict of a URI that has a link" 'is removed' "$psctl" evict "file://$tmp/w/link_home/t/k"

# --- a store that is no longer the default one ---
does "put into the store of PS_STORE records it" "allow = file://$tmp/w/of_shell/\$" \
    env PS_STORE="$PWD/of_shell" "$psctl" put a.txt -o folder/of_shell.psx
is "run shows an object of what PS_STORE was" \
    sh -c '"$0" run -- cmp -s folder/of_shell.psx a.txt' "$psctl"
"$psctl" put a.txt -o folder/first.psx >/dev/null
cp "$conf" conf.was
echo "default = $PWD/later" >>"$conf"
is "run shows an object of the first default store" \
    sh -c '"$0" run -- cmp -s folder/first.psx a.txt' "$psctl"
run "$psctl" put a.txt -o folder/later.psx
is "put into the default store of the configuration records nothing" [ "$(wc -l <"$out")" = 1 ]
cp conf.was "$conf"
