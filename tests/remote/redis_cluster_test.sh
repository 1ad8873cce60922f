# redis_cluster_test.sh: objects in a cluster of three nodes, and slots that move
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
for one in $(free_ports 3); do
    redis_start "$one" --cluster-enabled yes --cluster-node-timeout 5000
    nodes="${nodes:-} 127.0.0.1:$one"
done
# shellcheck disable=SC2086 # words
redis-cli --cluster create $nodes --cluster-replicas 0 --cluster-yes >"$out" 2>&1 || cat "$out"
tries=0
until redis-cli -p "$port" cluster info | grep -q cluster_state:ok || [ $tries = 200 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
url=redis://127.0.0.1:$port
head -c 3000000 /dev/urandom >a
head -c 4567 /dev/urandom >b

wrong=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    "$psctl" put b -o "b$i.psx" --store "$url" --key "key-$i" >"$out" 2>&1 || wrong=$((wrong + 1))
    on cmp b "b$i.psx" >"$out" 2>&1 || wrong=$((wrong + 1))
done
is "objects on all nodes" [ $wrong = 0 ]
counts=$(for node in $nodes; do redis-cli -p "${node#*:}" dbsize; done | sort -n | head -n 1)
is "each node has some" [ "$counts" -gt 0 ]
does "put in parts" bytes "$psctl" put a -o parts.psx --store "$url?part=64K" --key parts
counts=$(for node in $nodes; do redis-cli -p "${node#*:}" keys '{ps.*' | grep -c .; done | sort -n | head -n 1)
is "each node has parts" [ "$counts" -gt 0 ]
reads "parts on all nodes" a parts.psx
run "$psctl" ls "$url"
is "a list has what is on all nodes, once each" \
    [ "$(cut -f 1,2 "$out" | sort | tr '\t\n' '  ')" = "$( (printf 'parts\t3000000\n'
        for i in 1 2 3 4 5 6 7 8 9 10 11 12; do printf 'key-%s\t4567\n' $i; done) | sort | tr '\t\n' '  ')" ]
does "replace" bytes "$psctl" put b -o b.psx --store "$url" --key parts --force
is "old parts are gone from all nodes" \
    [ "$(for node in $nodes; do redis-cli -p "${node#*:}" keys '{ps.*'; done | grep -c .)" = 0 ]
breaks "parts that were replaced" 'now, not' cat parts.psx
does "evict" removed "$psctl" evict b1.psx
is "evict: it is gone" [ "$(redis-cli -c -p "$port" exists key-1)" = 0 ]

# --- a slot on its way from one node to another, with its keys there already ---
slot=$(redis-cli -p "$port" cluster keyslot key-2)
id_of() { redis-cli -p "$1" cluster myid; }
from= to=
for node in $nodes; do
    if [ "$(redis-cli -p "${node#*:}" cluster countkeysinslot "$slot")" != 0 ]; then
        from=${node#*:}
    else
        to=${node#*:}
    fi
done
redis-cli -p "$to" cluster setslot "$slot" importing "$(id_of "$from")" >"$out"
redis-cli -p "$from" cluster setslot "$slot" migrating "$(id_of "$to")" >"$out"
# shellcheck disable=SC2046 # words
redis-cli -p "$from" migrate 127.0.0.1 "$to" '' 0 5000 keys \
    $(redis-cli -p "$from" cluster getkeysinslot "$slot" 10) >"$out"
reads "keys that have moved, of a slot that has not" b b2.psx
fails "put into a slot that moves" 'on its way' "$psctl" put a -o x.psx --store "$url" --key key-2 --force
for node in $nodes; do
    redis-cli -p "${node#*:}" cluster setslot "$slot" node "$(id_of "$to")" >"$out"
done
reads "a slot that has moved" b b2.psx
does "put into a slot that has moved" bytes "$psctl" put a -o a2.psx --store "$url" --key key-2 --force
reads "what was put there" a a2.psx

# --- a node that does not answer ---
kill -STOP "$redis"
late "a node is frozen" 'no answer' a2.psx
kill -CONT "$redis"

# --- a node that is gone ---
lost=$(for node in $nodes; do [ "${node#*:}" = "$port" ] || echo "${node#*:}"; done | head -n 1)
redis-cli -p "$lost" shutdown nosave 2>/dev/null
answers=0 right=0
for i in 3 4 5 6 7 8 9 10 11 12; do
    run on cat "b$i.psx"
    ! cmp -s b "$out" || right=$((right + 1))
    if cmp -s b "$out" || { [ $status != 0 ] && [ "$(grep -c '^libps: ' "$err")" = 1 ]; }; then
        answers=$((answers + 1))
    fi
done
is "a node is gone: the right bytes or one line" [ $answers = 10 ]
is "a node is gone: the others answer" [ $right -gt 0 ]
finish
