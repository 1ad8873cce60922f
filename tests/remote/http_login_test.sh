# http_login_test.sh: who is told a login: the URL's own scheme, host and port, and nobody it sends on to
. "$HERE/common.sh"
. "$HERE/http_server.sh"
ports=$(free_ports 2)
nginx_start "${ports% *}"
there=${ports#* }
url=http://localhost:$port
export SSL_CERT_FILE="$tmp/nginx/certificate" PS_ALLOW="$url"
head -c 300000 /dev/urandom >www/a
stand_in http_stand_in "$there" www/a
mkdir -p home/.config/libps
: >on

# sent NAME URL: who is sent on to URL has the bytes of there
sent() {
    does "$1" "300000 bytes" "$psctl" proxy "$url/to/a?to=$2" -o p.psx
    reads "$1" www/a p.psx
}

# told NAME: the login for $url/to/, which says nothing to those without one
told() {
    : >nginx/logins
    rm -f logins
    sent "$1, the same place" "$url/told/a"
    is "$1, the same place: told" [ -s nginx/logins ]
    : >nginx/logins
    sent "$1, another scheme" "https://localhost:$((port + 10000))/told/a"
    sent "$1, another host" "http://127.0.0.1:$port/told/a"
    is "$1, another scheme or host: not told" [ ! -s nginx/logins ]
    sent "$1, another port" "http://localhost:$there/good/a"
    sent "$1, another port, a stream" "http://localhost:$there/whole/a"
    is "$1, another port: not told" [ ! -e logins ]
    sent "$1, there and back" "http://localhost:$there/back-$port/told/a"
    is "$1, there and back: told once it is back" [ -s nginx/logins ]
    is "$1, there and back: not told there" [ ! -e logins ]
}

fails "nobody is told" '401' "$psctl" proxy "$url/to/a?to=$url/told/a" -o p.psx
echo "store.to = http://u:p%20w@localhost:$port/to" >home/.config/libps/config
chmod 600 home/.config/libps/config
told "a user and password"
echo "store.to = http://:s3cret@localhost:$port/to" >home/.config/libps/config
told "a token"
rm home/.config/libps/config
printf 'machine localhost login u password "p w"\ndefault login other password q\n' >home/.netrc
told ".netrc"

# What is sent on may say much about it, and be read for its place; but not for ever.
rm home/.netrc
export PS_ALLOW="http://localhost:$there"
does "a long page with a redirect" "300000 bytes" "$psctl" proxy "http://localhost:$there/back-$port/told/a" -o p.psx
fails "a page without an end" "HTTP status 503" "$psctl" proxy "http://localhost:$there/endless-page/a" -o p.psx
finish
