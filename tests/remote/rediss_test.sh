# rediss_test.sh: Redis by TLS
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
ports=$(free_ports 2)
safe=${ports#* }
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key -out certificate 2>openssl || exit 2
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other \
    -addext subjectAltName=DNS:other -keyout other.key -out other 2>>openssl || exit 2
redis_start "${ports% *}" --tls-port "$safe" --tls-cert-file "$PWD/certificate" \
    --tls-key-file "$PWD/key" --tls-ca-cert-file "$PWD/certificate" --tls-auth-clients no
url=rediss://localhost:$safe
export SSL_CERT_FILE="$PWD/certificate" PS_ALLOW="$url rediss://127.0.0.1:$safe"
head -c 3000000 /dev/urandom >a
: >empty

does "put" "a.psx: $url/.*, 3000000 bytes" "$psctl" put a --store "$url" --key obj
reads "one value" a a.psx
run on dd if=a.psx bs=1 skip=1234567 count=100 status=none
is "a range" [ "$(md5sum <"$out")" = "$(tail -c +1234568 a | head -c 100 | md5sum)" ]
"$psctl" put a -o parts.psx --store "$url/2?part=1M" --key parts >"$out"
reads "parts" a parts.psx
"$psctl" put empty --store "$url" --key empty >"$out"
run on wc -c empty.psx
is "an empty object" [ "$(cat "$out")" = '0 empty.psx' ]
redis-cli -p "$port" --raw get obj | head -c -1 >copy
is "what went over TLS is in the server as it was" cmp -s a copy
does "a list" '^obj	3000000' "$psctl" ls "$url"
"$psctl" proxy "rediss://127.0.0.1:$safe/obj" -o address.psx >"$out"
reads "by its address" a address.psx
# where each page is a request of its own: connections are used again
"$psctl" proxy "$url/obj" -o pages.psx >"$out"
redis-cli -p "$port" config resetstat >"$out"
run on python3 -c '
import os
fd = os.open("pages.psx", os.O_RDONLY)
for i in range(200):
    os.pread(fd, 10, (i * 7919 % 732) * 4096)'
is "connections are kept" \
    [ "$status" = 0 ] && [ "$(redis-cli -p "$port" info stats | tr -d '\r' | sed -n 's/total_connections_received://p')" -lt 40 ]

kill -STOP "$redis"
late "frozen" 'no answer\|connect\|no TLS' a.psx
kill -CONT "$redis"

# --- who is not who it should be ---
fails "a certificate that nobody vouches for" 'TLS: self-signed certificate' \
    env SSL_CERT_FILE=/dev/null "$psctl" proxy "$url/obj" -o x.psx
fails "a server without TLS" 'no TLS' "$psctl" proxy "rediss://localhost:$port/obj" -o x.psx
fails "no TLS where it is wanted" 'redis' "$psctl" proxy "redis://localhost:$safe/obj?timeout=3s" -o x.psx
run "$psctl" proxy 'rediss:///tmp/socket/obj' -o x.psx
is "no socket" [ "$status" != 0 ]

# --- the certificate of another, and a server that wants one ---
cat certificate other >both
export SSL_CERT_FILE="$PWD/both"
# shellcheck disable=SC2046 # two words
set -- $(free_ports 2)
redis_start "$1" --tls-port "$2" --tls-cert-file "$PWD/other" --tls-key-file "$PWD/other.key" \
    --tls-ca-cert-file "$PWD/both"
fails "the certificate of another" 'TLS: hostname mismatch' "$psctl" proxy "rediss://localhost:$2/obj" -o x.psx
redis-cli -p "$1" config set tls-cert-file "$PWD/certificate" tls-key-file "$PWD/key" >"$out"
fails "a server that wants to know who asks" 'certificate required\|reset by peer' \
    "$psctl" proxy "rediss://localhost:$2/obj" -o x.psx
finish
