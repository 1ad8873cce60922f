# http_server.sh: nginx, with and without TLS; sourced

# nginx_start PORT: serves $tmp/www at PORT, and by TLS at PORT + 10000; its pid is in $nginx then
nginx_start() {
    port=$1
    mkdir -p "$tmp/www" "$tmp/nginx"
    [ -e "$tmp/nginx/key" ] || openssl req -x509 -newkey rsa:2048 -nodes -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost \
        -keyout "$tmp/nginx/key" -out "$tmp/nginx/certificate" 2>"$tmp/nginx/openssl" || exit 2
    cat >"$tmp/nginx/conf" <<END
daemon off;
master_process off;
pid $tmp/nginx/pid;
error_log $tmp/nginx/errors;
events {}
http {
    access_log $tmp/nginx/requests;
    log_format who '\$http_authorization';
    map \$http_authorization \$is_told { default 1; "" 0; }
    client_body_temp_path $tmp/nginx/body;
    proxy_temp_path $tmp/nginx/proxy;
    fastcgi_temp_path $tmp/nginx/fastcgi;
    uwsgi_temp_path $tmp/nginx/uwsgi;
    scgi_temp_path $tmp/nginx/scgi;
    gzip on;
    gzip_types *;
    server {
        listen 127.0.0.1:$port;
        listen 127.0.0.1:$((port + 10000)) ssl http2;
        ssl_certificate $tmp/nginx/certificate;
        ssl_certificate_key $tmp/nginx/key;
        root $tmp/www;
        location /slow/ { alias $tmp/www/; limit_rate 16k; }
        location /dated/ { alias $tmp/www/; etag off; }
        location /streams/ { alias $tmp/www/; max_ranges 0; }
        location /trickle/ { alias $tmp/www/; max_ranges 0; limit_rate 16k; }
        location /bare/ { alias $tmp/www/; max_ranges 0; etag off; add_header Last-Modified ""; }
        location /told/ { alias $tmp/www/; access_log $tmp/nginx/logins who if=\$is_told; }
        location /moved/ { rewrite ^/moved/(.*) /\$1 redirect; }
        location /to/ { if (\$http_authorization = "") { return 401; } return 302 \$arg_to; }
        location /away/ { return 302 http://127.0.0.1:$port/\$arg_to; }
        location /round/ { return 302 \$request_uri; }
        location /basic/ { alias $tmp/www/; auth_basic x; auth_basic_user_file $tmp/nginx/users; }
        location /token/ { if (\$http_authorization != "Bearer s3cret") { return 401; } alias $tmp/www/; }
        merge_slashes off;
        location = /deep/a { return 200 one; }
        location = /deep//a { return 200 two; }
        location /query/ { if (\$args != "a=1&b=%2F") { return 403; } alias $tmp/www/; }
    }
}
END
    echo 'u:{PLAIN}p w' >"$tmp/nginx/users"
    /usr/sbin/nginx -e "$tmp/nginx/errors" -c "$tmp/nginx/conf" -p "$tmp/nginx" >"$tmp/nginx/log" 2>&1 </dev/null &
    nginx=$!
    pids="$pids $nginx"
    tries=0
    # it says so once it listens; that somebody does, would not say who
    until [ "$(cat "$tmp/nginx/pid" 2>"$tmp/nginx/wait")" = $nginx ]; do
        tries=$((tries + 1))
        if [ $tries = 100 ] || ! kill -0 $nginx; then
            cat "$tmp/nginx/log" "$tmp/nginx/errors"
            exit 2
        fi
        sleep 0.05
    done
}

# nginx_stop PID: as a crash does
nginx_stop() {
    kill -9 "$1"
    wait "$1" 2>/dev/null
}

# moved: bytes that nginx has sent since the last call
moved() {
    sleep 0.2
    awk '$9 ~ /^20/ { sum += $10 } END { print sum + 0 }' nginx/requests
    : >nginx/requests
}
