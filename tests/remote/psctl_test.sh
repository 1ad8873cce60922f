# psctl_test.sh: copy, verify, exists, info and get of objects in Redis, S3 and at a web server
. "$HERE/common.sh"
. "$HERE/redis_server.sh"
. "$HERE/http_server.sh"
ports=$(free_ports 3)
s3=${ports%% *} ports=${ports#* }
stand_in s3_stand_in "$s3"
export AWS_ENDPOINT_URL="http://127.0.0.1:$s3" AWS_REGION=eu-test-1
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+'
redis_start "${ports% *}"
nginx_start "${ports#* }"
head -c 3000000 /dev/urandom >www/a
head -c 2000000 /dev/urandom >other
sum=$(sha256sum <www/a | sed 's/ .*//')
redis_url=redis://127.0.0.1:${ports% *} s3_url=s3://bucket/x http_url=http://127.0.0.1:${ports#* }
export PS_ALLOW="$http_url"

field() { # field NAME: of the JSON object in $out
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$out" "$1"
}

# is_there STORE PROXY: and each command says so
is_there() {
    run "$psctl" exists --json "$2"
    is "exists: $1" [ "$status $(field exists)" = '0 True' ]
    run "$psctl" info --check --json "$2"
    is "info --check: $1" [ "$status $(field check) $(field size_now)" = '0 there 3000000' ]
    run "$psctl" verify --json "$2"
    is "verify: $1" [ "$status $(field right) $(field digest)" = "0 True sha256:$sum" ]
    run "$psctl" get --json "$2" -o got
    is "get: $1" sh -c "[ '$status $(field size)' = '0 3000000' ] && cmp -s got www/a"
}

# is_not_there STORE PROXY
is_not_there() {
    ends "exists, of what is gone: $1" 1 "$psctl" exists "$2"
    does "info, of what is gone: $1" 'check: *missing' sh -c '"$0" info --check "$1" || [ $? = 1 ]' "$psctl" "$2"
    ends "verify, of what is gone: $1" 1 "$psctl" verify "$2"
    rm -f got
    run "$psctl" get "$2" -o got
    is "get, of what is gone: $1" sh -c "[ $status = 1 ] && [ ! -e got ]"
    run "$psctl" copy "$2" -o none.psx --store "$redis_url"
    is "copy, of what is gone: $1" sh -c "[ $status = 1 ] && [ ! -e none.psx ]"
}

for store in redis s3; do
    [ $store = s3 ] && url=$s3_url || url=$redis_url
    does "put: $store" bytes "$psctl" put www/a -d -o $store.psx --store "$url" --key a
    is_there $store $store.psx
    does "verify says by what: $store" 'right, by its digest' "$psctl" verify $store.psx
done
does "proxy: http" bytes "$psctl" proxy "$http_url/a" -o http.psx
is_there http http.psx
for from in redis s3 http; do
    for to in redis s3; do
        [ $to = s3 ] && url=$s3_url || url=$redis_url
        does "copy: from $from to $to" ', 3000000 bytes' "$psctl" copy $from.psx -o copy.psx --store "$url" --key $from -f
        is_there "copied from $from to $to" copy.psx
    done
done
for store in redis s3; do
    [ $store = s3 ] && url=$s3_url || url=$redis_url
    does "replace: $store" bytes "$psctl" put other -o other.psx --store "$url" --key a --force
    does "info, of what was replaced: $store" 'check: *changed' sh -c '"$0" info --check "$1" || [ $? = 1 ]' "$psctl" $store.psx
    ends "verify, of what was replaced: $store" 1 "$psctl" verify $store.psx
    does "evict: $store" removed "$psctl" evict other.psx
    is_not_there $store $store.psx
done
cp other www/a
does "info, of what was replaced: http" 'check: *changed' sh -c '"$0" info --check http.psx || [ $? = 1 ]' "$psctl"
rm www/a
is_not_there http http.psx

# --- nobody answers ---
redis_stop $redis
nginx_stop $nginx
export AWS_ENDPOINT_URL=http://127.0.0.1:1
for store in redis s3 http; do
    run "$psctl" exists --json $store.psx
    is "exists, where nobody knows: $store" [ "$status $(field exists)" = '3 None' ]
    ends "info, where nobody knows: $store" 1 "$psctl" info --check $store.psx
    does "verify, where nobody knows: $store" 'onnect' sh -c '"$0" verify "$1" || [ $? = 1 ]' "$psctl" $store.psx
done
finish
