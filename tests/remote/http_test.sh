# http_test.sh: objects of nginx, by HTTP and HTTPS, in ranges and as one stream
. "$HERE/common.sh"
. "$HERE/http_server.sh"
nginx_start "$(free_ports 1)"
url=http://127.0.0.1:$port safe=https://localhost:$((port + 10000))
export SSL_CERT_FILE="$tmp/nginx/certificate" PS_ALLOW="$url $safe"
head -c 3000000 /dev/urandom >www/a
seq 100000 >www/b
: >www/empty
head -c 5000 www/b >"www/a b+c%&='ä"

# has NAME FILE URL [KEY]: a proxy of what is there, and programs that read it
has() {
    does "$1" "$(wc -c <"$2") bytes" "$psctl" proxy "$3" -o p.psx
    reads "$1" "$2" p.psx
}

# --- ranges ---
has "a file" www/a "$url/a"
run on dd if=p.psx bs=1 skip=1234567 count=100 status=none
is "a range" [ "$(md5sum <"$out")" = "$(tail -c +1234568 www/a | head -c 100 | md5sum)" ]
run "$psctl" run --stats -- dd if=p.psx bs=4096 skip=500 count=1 status=none
is "little is moved for little" grep -q '2.9 MiB  *[0-9.]* KiB' "$err"
has "text that could be compressed" www/b "$url/b"
has "a name with all kinds of characters" "www/a b+c%&='ä" "$url/a%20b%2Bc%25%26%3D%27%C3%A4"
"$psctl" proxy "$url/empty" -o empty.psx >"$out"
run on wc -c empty.psx
is "an empty file" [ "$(cat "$out")" = '0 empty.psx' ]
has "by date, where there is no tag" www/a "$url/dated/a"
has "a redirect" www/a "$url/moved/a"
has "a query" www/a "$url/query/a?a=1&b=%2F"
has "with retries" www/b "retry+$url/b"

# --- TLS ---
has "by TLS" www/a "$safe/a"
is "by HTTP/2" grep -q 'GET /a HTTP/2' nginx/requests
fails "a certificate that nobody vouches for" 'certificate' \
    env SSL_CERT_FILE=/dev/null "$psctl" proxy "$safe/a" -o x.psx
"$psctl" proxy "$safe/a" -o safe.psx >"$out"
breaks "a program, and a certificate that nobody vouches for" 'certificate' env SSL_CERT_FILE=/dev/null cat safe.psx
mkdir authorities
cp nginx/certificate "authorities/$(openssl x509 -noout -hash -in nginx/certificate).0"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout other.key -out other 2>"$out" || exit 2
export SSL_CERT_FILE="$tmp/other" SSL_CERT_DIR="$tmp/authorities"
reads "a folder of certificates" www/a safe.psx
export SSL_CERT_FILE="$tmp/nginx/certificate"
unset SSL_CERT_DIR
fails "the certificate of another" 'name' \
    "$psctl" proxy "https://127.0.0.1:$((port + 10000))/a" -o x.psx
fails "a redirect that leaves TLS" 'redirect' "$psctl" proxy "$safe/away/a?to=a" -o x.psx
fails "a redirect in a circle" 'redirects' "$psctl" proxy "$url/round/a" -o x.psx

# --- one stream ---
has "a server without ranges" www/a "$url/streams/a"
has "without ranges and versions" www/a "$url/bare/a"
run on tail -c 100 p.psx
is "its end" [ "$(md5sum <"$out")" = "$(tail -c 100 www/a | md5sum)" ]
"$psctl" proxy "$url/trickle/a" -o trickle.psx >"$out"
run on head -c 4096 trickle.psx # all of it would take three minutes
is "what has come can be read" [ "$(md5sum <"$out")" = "$(head -c 4096 www/a | md5sum)" ]
breaks "no room for it" "no file to keep" env TMPDIR=/proc cat p.psx

# --- who may ---
mkdir -p home/.config/libps
fails "no password" '401' "$psctl" proxy "$url/basic/a" -o x.psx
cat >home/.config/libps/config <<END
store.basic = http://u:p%20w@127.0.0.1:$port/basic
store.token = http://:s3cret@127.0.0.1:$port/token
END
chmod 600 home/.config/libps/config
has "a user and password" www/a "$url/basic/a"
is "the proxy has no password" [ "$(grep -c 'p%20w' p.psx)" = 0 ]
has "a token" www/a "$url/token/a"
is "the proxy has no token" [ "$(grep -c s3cret p.psx)" = 0 ]
sed -i 's|:s3cret|:expired|' home/.config/libps/config
breaks "a program with a token that is none any more" '401' cat p.psx
is "it is in no message" [ "$(cat "$out" "$err" | grep -c expired)" = 0 ]
rm home/.config/libps/config
printf 'machine 127.0.0.1 login u password "p w"\n' >home/.netrc
has "a user and password of .netrc" www/a "$url/basic/a"
fails "no token" '401' "$psctl" proxy "$url/token/a" -o x.psx
sed 's|127.0.0.1|localhost|' p.psx >foreign.psx
breaks "what is not allowed is not asked for" 'allow' cat foreign.psx
is "nor is it" [ "$(grep -c localhost nginx/requests)" = 0 ]

# --- proxies of HTTP ---
export http_proxy=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1
has "this machine needs no proxy" www/b "$url/b"
PS_ALLOW="$PS_ALLOW http://no.such.host.invalid" \
    fails "others are asked for by the proxy" '127.0.0.1 port 1' "$psctl" proxy http://no.such.host.invalid/a -o x.psx
unset http_proxy https_proxy
there=$(free_ports 1)
stand_in http_stand_in "$there" www/a
export http_proxy="http://127.0.0.1:$there" PS_ALLOW="$PS_ALLOW http://no.such.host.invalid"
has "by a proxy" www/a http://no.such.host.invalid/good/a
no_proxy=.host.invalid breaks "but not what no_proxy names, and there is no such host" 'resolve' cat p.psx
unset http_proxy

# --- URLs ---
printf one >one
printf two >two
has "a folder" one "$url/deep/a"
has "a folder without a name in it" two "$url/deep//a"
fails "no such file" 'not there' "$psctl" proxy "$url/none" -o x.psx
fails "it can only be read" "can't store" "$psctl" put www/b -o x.psx --store "$url" --key x
for bad in 'http://' "$url/a?http.timeout=0" "$url/a?http.timeout=700s" 'http://127.0.0.1:x/a' \
    'http://[::1/a'; do
    run "$psctl" proxy "$bad" -o bad.psx
    is "refused: $bad" [ $status != 0 ]
done
fails "nobody listens" 'connect' env PS_ALLOW=http://127.0.0.1:1 "$psctl" proxy http://127.0.0.1:1/a -o x.psx
fails "no such host" 'resolve' env PS_ALLOW=http://no.such.host.invalid "$psctl" proxy http://no.such.host.invalid/a -o x.psx
finish
