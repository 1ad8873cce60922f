# uri_test.sh: URIs as paths: programs that were written for files open what a server has
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
redis_start "$(free_ports 1)"
place=127.0.0.1:$port/0
url=redis://$place
export PS_ALLOW="$url"
seq 200000 >a
sqlite3 db 'create table t(a integer primary key, b text); create index i on t(b);
    with recursive c(x) as (select 1 union all select x + 1 from c where x < 5000)
    insert into t select x, "value " || x from c'
for key in a db; do
    "$psctl" put $key -o $key.psx --store "$url" --key $key >"$out"
done

# --- as it is written, and as programs write it ---
for name in "$url/a" "redis:/$place/a" "$PWD/redis:/$place/a" "$PWD/$url/a" "retry+$url/a" "retry+redis:/$place/a"; do
    run on cat "$name"
    is "cat ${name%"$place"*}" cmp -s a "$out"
    [ ! -s "$err" ] || not_ok "cat ${name%"$place"*}, quietly"
done
run on head -c 100 "$url/a"
is "head" [ "$(md5sum <"$out")" = "$(head -c 100 a | md5sum)" ]
run on python3 -c 'import os, sys
name = sys.argv[1]
file = open(name, "rb")
assert os.path.getsize(name) == os.fstat(file.fileno()).st_size == int(sys.argv[2])
assert os.path.samestat(os.stat(name), os.fstat(file.fileno()))
assert os.path.exists(name) and os.path.isfile(name) and not os.path.exists(name + ".no")
assert os.access(name, os.R_OK) and not os.access(name, os.W_OK)
sys.stdout.buffer.write(open(os.path.abspath(name), "rb").read())' "$url/a" "$(stat -c %s a)"
is "python3, and what it makes of the name" cmp -s a "$out"
does "sqlite3" '^4711$' on sqlite3 "$url/db" "select a from t where b = 'value 4711'"
does "sqlite3, one slash" '^5000$' on sqlite3 "redis:/$place/db" 'select count(*) from t'
run on ls -l "$url/a"
is "ls -l" [ "$status$(awk '{ print $5 }' "$out")" = "0$(stat -c %s a)" ]
is "ls -l, quietly" [ ! -s "$err" ]
run on cp "$url/a" copy
is "cp" cmp -s a copy
run on cp -a "$url/a" copy
is "cp -a" cmp -s a copy
run on sh -c 'tail -n 1 <"$0" && [ -r "$0" ] && test -f "$0"' "$url/a"
is "a shell's redirection and tests" [ "$status$(cat "$out")" = 0200000 ]
if command -v h5import >"$out" && command -v h5dump >"$out"; then
    seq 10000 >numbers
    printf 'PATH numbers\nINPUT-CLASS TEXTIN\nINPUT-SIZE 32\nRANK 1\nDIMENSION-SIZES 10000\n' >how
    h5import numbers -c how -o n.h5 >"$out" 2>&1
    "$psctl" put n.h5 --store "$url" --key n.h5 >"$out"
    for tool in 'h5dump -d /numbers -s 9990 -c 10' 'h5ls -v' 'h5dump -H'; do
        $tool n.h5 >wanted
        for name in "$url/n.h5" "redis:/$place/n.h5"; do
            # shellcheck disable=SC2086 # words
            run on $tool "$name"
            is "$tool ${name%"$place"*}" sh -c 'sed "s|n\.h5|$0/n.h5|" wanted >named; cmp -s named "$1"' \
                "${name%/n.h5}" "$out"
        done
    done
else
    skip h5dump "no hdf5-tools here"
fi

# --- what is there is what is there now ---
seq 30 >b
"$psctl" put b -o b.psx --store "$url" --key a --force >"$out"
run on cat "$url/a"
is "another object under that name" cmp -s b "$out"
does "psctl run --json counts one open" '"opens": 1[,}]' "$psctl" run --json -- cat "$url/a"

# --- what can't be ---
ends_with() { # ends_with NAME STATUS PATTERN LINES COMMAND...: that many lines of libps on stderr
    name=$1 wanted=$2 pattern=$3 lines=$4
    shift 4
    run on "$@"
    is "$name" [ "$status $(grep -c '^libps: ' "$err") $(grep -c -e "$pattern" "$err")" = "$wanted $lines 1" ]
}
ends_with "no such object" 1 'No such file' 0 cat "$url/none"
ends_with "no such database" 1 'No such file' 0 env PS_ALLOW="redis://127.0.0.1:$port" cat "redis://127.0.0.1:$port/5/a"
ends_with "no store" 1 "^cat:" 1 env PS_ALLOW=redis://127.0.0.1:1 cat redis://127.0.0.1:1/0/a
is "no store: why" grep -q '^libps: redis://127.0.0.1:1/0/a: .*refused' "$err"
ends_with "no store, asked only" 2 "^ls: .*Input/output" 1 env PS_ALLOW=redis://127.0.0.1:1 ls redis://127.0.0.1:1/0/a
ends_with "not allowed" 1 '^libps: .*PS_ALLOW=redis://' 1 env PS_ALLOW= PS_CONFIG=/dev/null cat "$url/a"
ends_with "not allowed, asked only" 2 'No such file' 0 env PS_ALLOW= PS_CONFIG=/dev/null ls "$url/a"
ends_with "a scheme that is not libps's" 1 'No such file' 0 cat "gopher://$place/a"
ends_with "cp onto it" 1 'Read-only file system' 0 cp b "$url/a"
ends_with "sed -i of it" 4 '^sed: ' 0 sed -i s/1/2/ "$url/a"
run on cat "$url/a"
is "it is as it was" cmp -s b "$out"
ends_with "disabled" 1 'No such file' 0 env PS_DISABLE=1 cat "$url/a"
finish
