# copy.sh: copy, verify, exists, digests, and progress on a terminal
mkdir copies && cd copies || exit 1
head -c 3000000 /dev/urandom >d.bin
: >nothing
one=file://$tmp/w/copies/one two=file://$tmp/w/copies/two
sum=$(sha256sum <d.bin | sed 's/ .*//')

# --- digests ---
ends "put with a digest" 0 "$psctl" put d.bin --digest --store "$one" --key d
does "the proxy has it" "digest: *sha256:$sum\$" "$psctl" info d.bin.psx
"$psctl" put d.bin -o without.psx --store "$one" --key without >/dev/null
does "verify checks it" 'd.bin.psx: right, by its digest' "$psctl" verify d.bin.psx
does "verify of a proxy without one" 'without.psx: all there; the proxy has no digest' \
    "$psctl" verify without.psx
ends "put of nothing with a digest" 0 "$psctl" put nothing --digest --store "$one" --key nothing
does "verify of nothing" 'right' "$psctl" verify nothing.psx
does "verify of a part" 'all there' "$psctl" verify "$one/d#offset=5&size=70&digest=sha256:00"
does "verify of a digest in capitals" 'right, by' \
    "$psctl" verify "$one/d#digest=SHA256:$(echo "$sum" | tr a-f A-F)"

# Another byte, and the version as it was. The memory that is got holds it once, the file none.
cp -p one/d keep
printf '\377' | dd of=one/d bs=1 seek=1234567 conv=notrunc status=none
cmp -s one/d keep && printf '\376' | dd of=one/d bs=1 seek=1234567 conv=notrunc status=none
touch -r keep one/d
ends "verify of another byte" 1 "$psctl" verify d.bin.psx
is "verify says which digest" grep -q "digest is sha256:.*, not sha256:$sum" "$out"
ends "verify of several, one of them wrong" 1 "$psctl" verify without.psx d.bin.psx nothing.psx
is "verify goes on behind it" [ "$(wc -l <"$out")" = 3 ]
run "$psctl" verify --json d.bin.psx
is "verify --json" sh -c 'python3 -m json.tool <"$0" | grep -q "\"right\": false"' "$out"
fails "get to a file" 'digest is' "$psctl" get d.bin.psx -o got
is "get leaves none" [ ! -e got ]
lazy=$(echo "$one" | sed 's/^/delay+/')
fails "get to standard output" 'digest is' \
    "$psctl" get "$lazy/d?delay.latency=0ms#digest=sha256:$sum"
is "a copy of it keeps the digest, and so is wrong as well" sh -c '
    "$0" copy d.bin.psx -o wrong.psx --store "$1" >wrong && ! "$0" verify wrong.psx >wrong' "$psctl" "$two"
cp -p keep one/d
touch one/d
ends "verify of another version" 1 "$psctl" verify d.bin.psx
"$psctl" put d.bin --digest --store "$one" --key d --force >/dev/null

# The most of it that was in memory at once. What is read by no memory at all would say 0.
seq 12000000 >large
"$psctl" put large --digest --store "${lazy}4?delay.latency=0ms" --key large >/dev/null
run "$psctl" run --stats --json -- "$psctl" get large.psx -o got
is "get of what is large, with a digest" cmp -s got large
is "a few steps of it were in memory at once" python3 -c 'import json, sys
resident = json.load(open(sys.argv[1]))["total"]["resident"]
sys.exit(not 0 < resident <= 4 << 24)' "$err"
rm large got

# --- copy ---
does "copy prints the proxy, the object and the size" "^new.psx: $two/.*, 3000000 bytes" \
    "$psctl" copy d.bin.psx -o new.psx --store "$two"
is "copy gives the same bytes" sh -c '"$0" get new.psx | cmp -s - d.bin' "$psctl"
does "copy keeps the digest" "sha256:$sum" "$psctl" info new.psx
does "copy makes one" "sha256:$sum" \
    sh -c '"$0" copy without.psx -o made.psx --store "$1" -d && "$0" info made.psx' "$psctl" "$two"
does "copy of a URI" ', 3000000 bytes' "$psctl" copy "$one/d" -o uri.psx --store "$two" --key u
does "copy of a part" ', 70 bytes' "$psctl" copy "$one/d#offset=5&size=70" -o part.psx --store "$two"
is "copy of a part has its bytes" sh -c '"$0" get part.psx | cmp -s - part' "$psctl" <<END
$(tail -c +6 d.bin | head -c 70 >part)
END
does "copy of nothing" ', 0 bytes' "$psctl" copy nothing.psx -o none.psx --store "$two"
fails "copy onto a key that is there" 'key "u"; --force' \
    "$psctl" copy without.psx -o uri.psx --store "$two" --key u
ends "copy --force onto itself" 0 "$psctl" copy uri.psx -o itself.psx --store "$two" --key u --force
is "copy onto itself keeps the bytes" sh -c '"$0" get itself.psx | cmp -s - d.bin' "$psctl"
fails "copy of what was replaced" 'changed\|version\|another' "$psctl" copy uri.psx -o x.psx
fails "copy of a missing proxy" missing "$psctl" copy missing.psx -o x.psx
fails "copy of a plain file" d.bin "$psctl" copy d.bin -o x.psx
fails "copy over its own proxy" 'same file' "$psctl" copy d.bin.psx -o d.bin.psx
fails "copy into the memory of psctl" 'one process' "$psctl" copy d.bin.psx -o x.psx \
    --store memory://m
fails "copy into a store that can only be read" "can't store" "$psctl" copy d.bin.psx -o x.psx \
    --store http://127.0.0.1:1/x
misuse "copy without -o" 'no -o' "$psctl" copy d.bin.psx
misuse "verify without a proxy" 'no proxy' "$psctl" verify
is "nothing was left of what failed" [ ! -e x.psx ]

# --- standard input ---
run sh -c 'cat d.bin | "$0" put - -d -o in.psx --store "$1" --key in' "$psctl" "$two"
is "put of standard input" [ $status = 0 ]
is "it has its bytes" sh -c '"$0" get in.psx | cmp -s - d.bin' "$psctl"
does "and its digest" "sha256:$sum" "$psctl" info in.psx
does "put of no input" ', 0 bytes' "$psctl" put - -o in.psx --store "$two" --key in2
misuse "put of standard input without -o" 'no -o' "$psctl" put -
fails "put of input that can't be read" 'standard input' \
    sh -c '"$0" put - -o x.psx <.' "$psctl"
fails "put of input without room" 'none/such' \
    env TMPDIR=none/such "$psctl" put - -o x.psx

# --- a proxy on standard output ---
for command in 'put --store '"$two"' --key piped' "copy --store $two --key piped2" proxy; do
    file=d.bin
    [ "${command%% *}" != copy ] || file=d.bin.psx
    # shellcheck disable=SC2086 # words
    run "$psctl" $command $file -o -
    cp "$out" piped.psx
    is "$command: a proxy on standard output" [ "$(wc -c <piped.psx)" = 4093 ]
    is "$command: it is good" sh -c '"$0" get piped.psx | cmp -s - d.bin' "$psctl"
    is "$command: words are elsewhere" grep -q '^-: .*, 3000000 bytes' "$err"
done
is "there is no file of that name" [ ! -e ./- ]
misuse "put --json, and the proxy to standard output" 'use -o' "$psctl" put --json d.bin -o -
misuse "proxy --json, and the proxy to standard output" 'use -o' "$psctl" proxy --json d.bin -o -
fails "a proxy to a full device" 'standard output: No space' \
    sh -c '"$0" put d.bin -o - --store "$1/full" >/dev/full' "$psctl" "$two"
is "its object is gone" [ -z "$("$psctl" ls "$two/full")" ]

# --- for programs ---
field() { # field NAME: of the JSON object in $out
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$out" "$1"
}
run "$psctl" put d.bin --json -d --store "${one}2" --key d
is "put --json" [ "$(field proxy) $(field object) $(field size)" = "d.bin.psx ${one}2/d 3000000" ]
is "put --json tells the digest" [ "$(field digest)" = "sha256:$sum" ]
is "put --json tells elsewhere what it recorded" grep -q '^recorded in ' "$err"
run "$psctl" copy d.bin.psx --json -o json.psx --store "$two" --key json
is "copy --json" [ "$(field object)" = "$two/json" ]
run "$psctl" evict --json json.psx
is "evict --json" [ "$(field removed)" = True ]
run "$psctl" evict --json json.psx
is "evict --json again" [ "$(field removed)" = False ]
run "$psctl" proxy --json d.bin -o plain.psx
is "proxy --json" [ "$(field size)" = 3000000 ]
run "$psctl" get --json d.bin.psx -o got.bin
is "get --json" [ "$(field file) $(field size) $(field digest)" = "got.bin 3000000 sha256:$sum" ]
is "get --json gets it" cmp -s got.bin d.bin
misuse "get --json to standard output" 'use -o' "$psctl" get --json d.bin.psx
run "$psctl" exists --json d.bin.psx
is "exists --json" [ "$status $(field exists)" = '0 True' ]
run "$psctl" exists --json json.psx
is "exists --json of what is not" [ "$status $(field exists)" = '1 False' ]
run "$psctl" exists --json gopher://x/y
is "exists --json where nobody knows" sh -c "[ '$status $(field exists)' = '3 None' ] && grep -q 'error.*gopher' '$out'"
run "$psctl" doctor --json
is "doctor --json" [ "$(field works) $(field engines | grep -c "'engine': 'segv', 'state': '") $(field "default store")" = "True 1 opens" ]
run env PS_ENGINE=steam "$psctl" doctor --json
is "doctor --json where it does not work" [ "$status $(field works)" = '1 False' ]
"$psctl" put d.bin --digest --store "$one" --key d --force >/dev/null

# --- exists ---
ends "exists, whose answer can't be written" 3 sh -c '"$0" exists --json d.bin.psx >/dev/full' "$psctl"
ends "exists of what is there" 0 "$psctl" exists d.bin.psx
is "exists says nothing" [ ! -s "$out" ]
"$psctl" evict new.psx >/dev/null
ends "exists of what is not" 1 "$psctl" exists new.psx
is "exists says nothing of it" [ ! -s "$err" ]
ends "exists where nobody knows" 3 "$psctl" exists gopher://x/y
is "exists says why" grep -q gopher "$err"

# --- progress ---
slow="delay+$one/d?delay.latency=0ms&delay.bandwidth=4M"
terminal='import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
"$psctl" proxy "$slow" -o slow.psx >/dev/null
does "verify at a terminal shows how far it is" '%  .* of 2.9 MiB, .*/s, .* left' \
    python3 -c "$terminal" "$psctl" verify slow.psx
does "copy does" '%  .* of 2.9 MiB' \
    python3 -c "$terminal" "$psctl" copy slow.psx -o x.psx --store "$two"
run python3 -c "$terminal" "$psctl" verify -q slow.psx
is "--quiet shows nothing" sh -c '! grep -q "% " "$0"' "$out"
run "$psctl" verify slow.psx
is "without a terminal nothing is shown" [ ! -s "$err" ]
cd .. || exit 1
