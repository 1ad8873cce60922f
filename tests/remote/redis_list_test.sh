# redis_list_test.sh: which objects a Redis server has, among what others keep there
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
redis_start "$(free_ports 1)"
url=redis://127.0.0.1:$port
head -c 3300000 /dev/urandom >huge

"$psctl" put huge -o parts.psx --store "$url?part=1M" --key huge >"$out"
printf 'x' | redis-cli -p "$port" -x set other >"$out"
redis-cli -p "$port" rpush alist 1 2 >"$out"
redis-cli -p "$port" set 'no/key' 1 >"$out"
"$psctl" put huge -o x.psx --store "$url?part=1M" --key 'a{b}c' >"$out"
"$psctl" put huge -o x.psx --store "$url" --key 'd{e}f' >"$out"
run "$psctl" ls "$url"
is "objects, in parts or not, and nothing else" [ "$(cut -f 1,2 "$out" | sort | tr '\t\n' '  ')" = \
    'a{b}c 3300000 d{e}f 3300000 huge 3300000 other 1 ' ]
is "with versions" [ "$(grep -c "^huge	3300000	$(sed -n 's/^version: //p' parts.psx)\$" "$out")" = 1 ]
run "$psctl" ls "$url/3"
is "another database has none" [ "$status$(cat "$out")" = 0 ]
seq 3000 | sed 's/.*/SET many:& v/' | redis-cli -p "$port" >"$out"
is "a long list" [ "$("$psctl" ls "$url" | grep '^many:' | sort -u | wc -l)" = 3000 ]
fails "no list of a server that is not there" 'refused' "$psctl" ls redis://127.0.0.1:1
finish
