# redis_login_test.sh: users and passwords, which are in no proxy and no message
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
redis_start "$(free_ports 1)" --requirepass 'sec/ret' --user me on '>my:word' '~*' +@all \
    --user reader on '>view' '~*' +@read +select +multi +exec
url=redis://127.0.0.1:$port
head -c 100000 /dev/urandom >a
mkdir -p "$HOME/.config/libps"
conf=$HOME/.config/libps/config

fails "without a password" 'NOAUTH' "$psctl" put a --store "$url" --key k
fails "with a wrong one" 'WRONGPASS' env REDISCLI_AUTH=no "$psctl" put a --store "$url" --key k
does "from the environment" bytes env REDISCLI_AUTH=sec/ret "$psctl" put a --store "$url" --key k
breaks "a program without it" 'NOAUTH' cat a.psx
REDISCLI_AUTH=sec/ret
export REDISCLI_AUTH
reads "from the environment" a a.psx
unset REDISCLI_AUTH
echo "store.s = redis://:sec%2Fret@127.0.0.1:$port" >"$conf"
reads "from the configuration" a a.psx
echo "store.s = redis://me:my%3Aword@127.0.0.1:$port" >"$conf"
does "put with a user" bytes "$psctl" put a -o user.psx --store s --key u
reads "with a user" a user.psx
is "the proxy has the user and no password" grep -qa "redis://me@127" user.psx
is "the proxy has no password" sh -c '! grep -qa word user.psx'
echo "store.s = redis://reader:view@127.0.0.1:$port" >"$conf"
"$psctl" proxy "$url/k" -o view.psx >"$out"
reads "with a user who may only read" a view.psx
fails "put with a user who may only read" 'NOPERM' "$psctl" put a -o x.psx --store s --key k --force
echo "store.s = redis://me:wrongword@127.0.0.1:$port" >"$conf"
breaks "a wrong password in the configuration" 'WRONGPASS' cat user.psx
is "it is in no message" sh -c "! grep -q wrongword '$err' '$out'"
finish
