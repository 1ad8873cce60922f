# remote.sh: the rows with servers, near and with a long way between; sourced by run.sh

# redis JOB TIMES TARGET: a server of its own, by the name that redis-tools has it by
start_redis() {
    [ -z "$redis" ] || return 0
    compile redis "-L$build" -lps "-Wl,-rpath,$build" -lhiredis
    ln -s "$(command -v redis-check-rdb)" "$bin/redis-server" || stop "no redis-tools"
    "$bin/redis-server" --port 0 --unixsocket "$data/redis.sock" --save '' --dir "$temp" \
        >"$temp/redis.log" &
    redis=$!
    until redis-cli -s "$data/redis.sock" ping >"$temp/out" 2>&1; do
        kill -0 "$redis" || stop "redis-server does not start"
        sleep 0.05
    done
}
redis() {
    start_redis
    measure 1 env PS_CONFIG=/dev/null PS_ALLOW="redis://$data/redis.sock" PS_MEMORY=0 \
        "$bin/redis" "$data/redis.sock" "$1" "$2" || return
    row lazy ms '<=' "$3" "$(word pairs 0) pairs; hiredis alone $(word native 2) ms"
}

# A server of its own: nginx_folder ADDRESS MIB, then it may start with $temp/nginx/conf
nginx_folder() {
    command -v curl >/dev/null || stop "no curl"
    rm -rf "$data/www" "$temp/nginx"
    mkdir "$data/www" "$temp/nginx"
    chmod 755 "$data" "$data/www"
    head -c $(($2 * 1048576)) /dev/urandom >"$data/www/big" || stop "no room for $2 MiB"
    cat >"$temp/nginx/conf" <<END
daemon off;
pid $temp/nginx/pid;
error_log $temp/nginx/errors;
events {}
http {
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path $temp/nginx/body;
    proxy_temp_path $temp/nginx/proxy;
    fastcgi_temp_path $temp/nginx/fastcgi;
    uwsgi_temp_path $temp/nginx/uwsgi;
    scgi_temp_path $temp/nginx/scgi;
    server { listen $1; root $data/www; }
}
END
}
near() { # near COMMAND...: as measure 1, with 1 GiB at near.psx
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    export url="http://127.0.0.1:$port"
    nginx_folder "127.0.0.1:$port" 1024
    /usr/sbin/nginx -e "$temp/nginx/errors" -c "$temp/nginx/conf" -p "$temp/nginx" &
    nginx=$!
    until curl -s -o /dev/null "$url/"; do
        kill -0 "$nginx" || stop "nginx does not start"
        sleep 0.05
    done
    rm -f near.psx
    "$psctl" proxy "$url/big" -o near.psx >"$temp/out" || stop "no proxy of it"
    measure "$@"
    status=$?
    kill "$nginx"
    wait "$nginx"
    nginx=
    rm -rf www
    return $status
}
near_all() {
    near 1 sh -c 'exec "$@" "$url/big"' sh "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 dd \
        if=near.psx of=/dev/null bs=1M status=none -- curl -s -o /dev/null || return
    row wall x '>=' 1.00 "$(word pairs 0) pairs"
}
near_every() {
    near 3 env LD_PRELOAD="$lib" "$bin/every" near.psx 400 || return
    row ms ms '<=' 300 "3 runs, of every 400th page"
}

# The same far away, with 250 MB/s between: 256 MiB at big.psx, and a database and a file of HDF5 of
# that size at db.psx and h5.psx
far_folder() {
    compile link
    compile preads -pthread
    compile gets -lcurl
    nginx_folder 80 256
    "$here/../examples/make_db.sh" www/db 2400000 || stop "no database"
    python3 - <<'END' || stop "no file of HDF5"
import h5py, numpy
with h5py.File("www/h5", "w") as h5:
    for i in range(64):
        h5.create_dataset(f"group{i % 8}/set{i}", data=numpy.arange(500_000, dtype="f8") + i,
                          chunks=(50_000,), track_times=False)
END
    cat >"$bin/far" <<'END'
url=http://10.77.0.1
until curl -s -o /dev/null $url/; do sleep 0.05; done
for name in big db h5; do
    [ -e $name.psx ] || "$psctl" proxy $url/$name -o $name.psx >"$temp/out" || exit 1
done
export url
exec "$@"
END
    cat >"$bin/eight" <<'END'
size=$((256 * 1048576 / 8))
for i in 0 1 2 3 4 5 6 7; do
    curl -s -o /dev/null -r $((i * size))-$(((i + 1) * size - 1)) $url/big &
done
wait
END
    cat >"$bin/cached" <<'END'
rm -rf "$temp/cache"
for i in $(seq "$1"); do dd if=big.psx of=/dev/null bs=1M status=none & done
wait
END
    cat >"$bin/fetched" <<'END'
rm -f copy
curl -s -o copy $url/big && md5sum copy
END
    # the time of a round trip, then of COUNT reads in units of it: random COUNT THREADS
    cat >"$bin/random" <<'END'
"$bin/gets" $url/big "$1" >"$temp/trips" || exit 1
LD_PRELOAD="$lib" "$bin/preads" big.psx "$1" "$2" >"$temp/reads" || exit 1
cat "$temp/trips" "$temp/reads"
sed 's/.*=//' "$temp/trips" "$temp/reads" | tr '\n' ' ' |
    awk -v count="$1" -v threads="$2" '{ print "trips=" $2 / ($1 / count) / (count / threads) }'
END
    # its time, and what it moved
    cat >"$bin/timed" <<'END'
begin=$(date +%s%N)
LD_PRELOAD="$lib" "$@" >"$temp/said" || exit 1
echo ms=$((($(date +%s%N) - begin) / 1000000))
"$psctl" run --stats --json -- "$@" 2>&1 >"$temp/again" | tr ',' '\n' |
    sed -n 's/.*"fetched": \([0-9]*\)$/fetched=\1/p' | head -n 1
sed 's/^ms=[^ ]* //' "$temp/said" >"$temp/answer"
sed 's/^ms=[^ ]* //' "$temp/again" | cmp - "$temp/answer"
END
}
far() { # far MS STARTS COMMAND...
    if [ "$(id -u)" != 0 ] || [ ! -e /dev/net/tun ]; then
        not_measured "no network of its own can be made here"
        return 1
    fi
    [ -e "$bin/far" ] || far_folder
    ms=$1 number=$2
    shift 2
    measure "$number" env psctl="$psctl" temp="$temp" bin="$bin" lib="$lib" "$bin/link" "$ms" 250 \
        /usr/sbin/nginx -e "$temp/nginx/errors" -c "$temp/nginx/conf" -p "$temp/nginx" -- \
        sh "$bin/far" "$@"
}
far_all() { # far_all MS
    far "$1" 1 "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 dd if=big.psx of=/dev/null bs=1M \
        status=none -- sh "$bin/eight" || return
    row wall x '>=' 1.10 "$(word pairs 0) pairs"
}
far_computed() {
    far 10 1 "$bin/pair" 30 sh "$bin/fetched" -- LD_PRELOAD="$lib" PS_MEMORY=0 md5sum big.psx ||
        return
    row wall x '<=' 0.75 "$(word pairs 0) pairs"
}
far_random() { # far_random THREADS
    far 10 3 sh "$bin/random" 1000 "$1" || return
    row trips x '<=' 1.05 "3 runs; $(word ms 0) ms"
}
far_learned() { # far_learned TARGET COMMAND...
    target=$1
    shift
    rm -rf "$temp/learned"
    mkdir -m 700 "$temp/learned"
    far 10 1 env LD_PRELOAD="$lib" PS_LEARN="$temp/learned" "$@" || return
    far 10 3 env LD_PRELOAD="$lib" PS_LEARN="$temp/learned" "$@" || return
    row ms ms '<=' "$target" "3 runs"
}
far_timed() { # far_timed TARGET COMMAND...
    target=$1
    shift
    far 10 3 sh "$bin/timed" "$@" || return
    row ms ms '<=' "$target" "3 runs; $(word fetched 0 | awk '{ printf "%.2f", $1 / 1e6 }') MB moved"
}
far_cached() {
    far 10 1 "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 PS_CACHE="$temp/cache" temp="$temp" sh \
        "$bin/cached" 1 -- LD_PRELOAD="$lib" PS_MEMORY=0 PS_CACHE="$temp/cache" temp="$temp" sh \
        "$bin/cached" 8 || return
    row wall x '<=' 1.20 "$(word pairs 0) pairs"
}
