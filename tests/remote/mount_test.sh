# mount_test.sh: a server's objects as files of a folder, for programs with paths of their own
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
redis_start "$(free_ports 1)"
url=redis://127.0.0.1:$port/0
seq 200000 >a
for key in a b; do
    "$psctl" put a -o $key.psx --store "$url" --key $key >"$out"
done
redis-cli -p "$port" set 'no/key' 1 >"$out"
mkdir there
data=$tmp/there

# in COMMAND...: that finds the objects below $data, and whose user has no configuration
in_data() {
    timeout -k 5 60 env PS_ENGINE="$ENGINE" PS_CONFIG=/dev/null "$psctl" run --mount "$data=${store:-$url}" -- "$@"
}

run in_data sh -c 'cd "$0" && echo * && wc -c <b && tail -n 1 a' "$data"
is "a shell" [ "$(tr '\n' ' ' <"$out")" = "a b $(stat -c %s a) 200000 " ]
run in_data cat "$data/a"
is "cat" cmp -s a "$out"
store=delay+$url?part=1M
run in_data cat "$data/a"
is "of a store with a wrapper and options" cmp -s a "$out"
echo "store.there = $url" >config
chmod 600 config
run env PS_ENGINE="$ENGINE" PS_CONFIG="$PWD/config" "$psctl" run --mount "$data=there" -- cat "$data/b"
is "of a store by its name" cmp -s a "$out"
store=
if command -v h5import >"$out" && command -v h5dump >"$out"; then
    seq 10000 >numbers
    printf 'PATH numbers\nINPUT-CLASS TEXTIN\nINPUT-SIZE 32\nRANK 1\nDIMENSION-SIZES 10000\n' >how
    h5import numbers -c how -o n.h5 >"$out" 2>&1
    "$psctl" put n.h5 --store "$url" --key n.h5 >"$out"
    for tool in 'h5dump -d /numbers -s 9990 -c 10' 'h5ls -v'; do
        $tool n.h5 | sed "s|n\.h5|$data/n.h5|" >wanted
        # shellcheck disable=SC2086 # words
        run in_data $tool "$data/n.h5"
        is "$tool" cmp -s wanted "$out"
    done
else
    skip h5dump "no hdf5-tools here"
fi

# --- an object that goes, one that is replaced, and one that can't have a file ---
run in_data sh -c 'redis-cli -p "$1" del b >"$2" && cat "$0/b"' "$data" "$port" "$out.del"
is "an object that is gone by now" sh -c '[ "$0" = 1 ] && grep -q "^libps: .*no key" "$1"' "$status" "$err"
seq 30 >new
run in_data sh -c '"$1" put "$2" -o p.psx --store "$3" --key a --force >"$4" && cat "$0/a"' \
    "$data" "$psctl" new "$url" "$out.put"
is "an object that was replaced is not mixed" sh -c '[ "$0" = 1 ] && [ ! -s "$1" ] && grep -q "^libps: " "$2"' "$status" "$out" "$err"
seq 2000 | sed 's/.*/SET many:& v/' | redis-cli -p "$port" >"$out"
run in_data sh -c 'ls "$0" | wc -l; cat "$0/many:77"' "$data"
is "many objects" [ "$(tr '\n' ' ' <"$out")" = "$("$psctl" ls "$url" | wc -l) v" ]
# --- who owns the folder that it is in leads it elsewhere while the server tells its objects ---
cat >between.py <<'END'
import os, socket, sys, threading
real, folder, elsewhere = int(sys.argv[1]), sys.argv[2], sys.argv[3]
ears = socket.create_server(("127.0.0.1", 0))
print(ears.getsockname()[1], flush=True)
def pass_on(source, to):
    while data := source.recv(65536):
        if b"SCAN" in data and not os.path.islink(folder):
            os.rename(folder, folder + ".old")
            os.symlink(elsewhere, folder)
        to.sendall(data)
    to.shutdown(socket.SHUT_WR)
while True:
    one, other = ears.accept()[0], socket.create_connection(("127.0.0.1", real))
    for way in (one, other), (other, one):
        threading.Thread(target=pass_on, args=way, daemon=True).start()
END
mkdir led elsewhere
mkfifo between
python3 between.py "$port" "$tmp/led" "$tmp/elsewhere" >between &
between=$!
read -r way <between
run timeout -k 5 60 env PS_CONFIG=/dev/null "$psctl" run --mount "$tmp/led=redis://127.0.0.1:$way/0" -- true
kill $between
is "a folder that is led elsewhere meanwhile: nothing is written there" sh -c '[ -L led ] && [ -z "$(ls elsewhere)" ]'

redis-cli -p "$port" set "$(printf '%0300d' 1)" 1 >"$out"
stops "a name that no file can have" 126 'name too long' in_data echo printed
redis_stop "$redis"
stops "a server that is gone" 126 'refused' in_data echo printed
finish
