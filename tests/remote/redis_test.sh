# redis_test.sh: objects in one Redis server, put and read by psctl, programs and other clients
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
redis_start "$(free_ports 1)" --unixsocket "$tmp/redis.sock" --maxmemory 100mb
url=redis://127.0.0.1:$port
head -c 3000000 /dev/urandom >a
head -c 12345 /dev/urandom >b
: >empty

# --- one value ---
does "put" "a.psx: $url/.*, 3000000 bytes" "$psctl" put a --store "$url" --key obj
reads "one value" a a.psx
redis-cli -p "$port" --raw get obj | head -c -1 >copy
is "another client reads the bytes and nothing else" cmp -s a copy
run on dd if=a.psx bs=1 skip=1234567 count=100 status=none
is "a range" [ "$(md5sum <"$out")" = "$(tail -c +1234568 a | head -c 100 | md5sum)" ]
"$psctl" put empty --store "$url" --key nothing >"$out"
run on wc -c empty.psx
is "an empty object" [ "$(cat "$out")" = '0 empty.psx' ]
"$psctl" put b --store "$url/3" --key obj >"$out"
reads "another database" b b.psx
is "of the other database the object is the old one" [ "$(redis-cli -p "$port" strlen obj)" = 3000000 ]
if grep -q '^0\{31\}1 ' /proc/net/if_inet6; then # there is a ::1
    "$psctl" put b -o six.psx --store "redis://[::1]:$port" --key six >"$out"
    reads "by IPv6" b six.psx
fi
"$psctl" put b -o socket.psx --store "redis://$tmp/redis.sock:2" --key obj >"$out"
reads "by a socket" b socket.psx

# --- values of others ---
redis-cli -p "$port" -x set foreign <b >"$out"
does "a proxy of what another client has set" '12345 bytes' \
    "$psctl" proxy "$url/foreign" -o foreign.psx
reads "what another client has set" b foreign.psx
redis-cli -p "$port" rpush list x >"$out"
fails "a key that is no string" 'WRONGTYPE' "$psctl" proxy "$url/list" -o list.psx
fails "a key that is not there" "no key 'none'" "$psctl" proxy "$url/none" -o none.psx
fails "a key that is a manifest's" 'manifests' "$psctl" put b -o x.psx --store "$url" --key '{obj}.ps'
fails "a key whose manifest would be another's" "manifest" "$psctl" put b -o x.psx --store "$url" --key "{obj}"
fails "a key that is a part's" 'parts' "$psctl" put b -o x.psx --store "$url" --key '{ps.1}.x'
redis-cli -p "$port" set '{taken}.ps' mine >"$out"
fails "a manifest's name that another client has" 'WRONGTYPE' "$psctl" put b -o x.psx --store "$url" --key taken
is "what is there stays" [ "$(redis-cli -p "$port" get '{taken}.ps')" = mine ]
fails "a key in lone braces" 'no hash tag' "$psctl" put b -o x.psx --store "$url" --key 'a}b'
does "a key with a hash tag" bytes "$psctl" put b -o tag.psx --store "$url" --key 'x{tag}y'
reads "a key with a hash tag" b tag.psx

# --- parts ---
does "put in parts" bytes "$psctl" put a -o parts.psx --store "$url?part=1M" --key large
is "there are three parts" [ "$(count_keys '{ps.*.large')" = 3 ]
is "parts live for good" [ "$(redis-cli -p "$port" ttl "$(redis-cli -p "$port" keys '{ps.*.0}.large')")" = -1 ]
reads "parts" a parts.psx
run on dd if=parts.psx bs=4096 skip=255 count=2 status=none
is "a range over two parts" [ "$(md5sum <"$out")" = "$(tail -c +1044481 a | head -c 8192 | md5sum)" ]
does "replace parts by a value" bytes "$psctl" put b -o b2.psx --store "$url" --key large --force
is "old parts are gone" [ "$(count_keys '{ps.*')" = 0 ]
breaks "parts that were replaced" 'now, not' cat parts.psx
reads "the value that replaced parts" b b2.psx
"$psctl" put a -o parts.psx --store "$url?part=1M" --key large --force >"$out"
redis-cli -p "$port" del "$(redis-cli -p "$port" keys '{ps.*.1}.large')" >"$out"
breaks "a part is missing" 'ends before byte' cat parts.psx
does "evict of parts" removed "$psctl" evict parts.psx
is "evict leaves nothing" [ "$(count_keys '*large*')" = 0 ]

# --- time to live ---
"$psctl" put b -o ttl.psx --store "$url?ttl=1s" --key short >"$out"
"$psctl" put a -o ttl2.psx --store "$url?ttl=1s&part=1M" --key short2 >"$out"
sleep 1.3
breaks "a value whose time is over" "no key 'short'" cat ttl.psx
fails "parts whose time is over" "no key 'short2'" "$psctl" proxy "$url/short2" -o x.psx
is "parts live a minute longer than their manifest" \
    [ "$(redis-cli -p "$port" ttl "$(redis-cli -p "$port" keys '{ps.*.0}.short2')")" -gt 50 ]

# --- options and URLs ---
for bad in 'redis://' 'redis://:6379' 'redis://h:x' 'redis://h:123456' 'redis://h/x/y' \
    'redis://[::1' "$url?timeout=0" "$url?timeout=700s" "$url?part=1" "$url?ttl=1ms" "$url?x=1" \
    "$url?db=1" "redis://$tmp/redis.sock?db=1" "redis://$tmp/redis.sock:x" 'redis:///'; do
    run "$psctl" put b -o bad.psx --store "$bad" --key k
    is "refused: $bad" [ $status != 0 ]
done
fails "TLS of a server without" "no TLS" "$psctl" put b -o bad.psx --store "rediss://127.0.0.1:$port" --key k
fails "nobody listens" 'Connection refused' "$psctl" put b -o x.psx --store "redis://127.0.0.1:1" --key k
fails "no such host" 'no address' "$psctl" put b -o x.psx --store "redis://no.such.host.invalid" --key k

# --- the node's cache: one value, and parts ---
export PS_CACHE="$tmp/cache"
"$psctl" put a -o kept.psx --store "$url" --key kept >"$out"
"$psctl" put a -o parts.psx --store "$url/1?part=1M" --key kept >"$out"
reads "into the cache" a kept.psx
reads "parts into the cache" a parts.psx
redis-cli -p "$port" flushall >"$out"
reads "from the cache" a kept.psx
reads "parts from the cache" a parts.psx
finish
