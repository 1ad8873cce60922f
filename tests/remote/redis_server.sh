# redis_server.sh: redis-server, which Debian's redis-tools has as redis-check-rdb; sourced
ln -s "$(command -v redis-check-rdb)" "$tmp/redis-server" || exit 2

# redis_start PORT [OPTION...]: its pid is in $redis then
redis_start() {
    port=$1
    shift
    mkdir -p "$tmp/redis.$port"
    "$tmp/redis-server" --port "$port" --bind 127.0.0.1 -::1 --save '' --appendonly no \
        --dir "$tmp/redis.$port" --loglevel warning "$@" >>"$tmp/redis.$port/log" 2>&1 </dev/null &
    redis=$!
    pids="$pids $redis"
    tries=0
    until redis-cli -p "$port" ping 2>&1 | grep -qE 'PONG|NOAUTH'; do
        tries=$((tries + 1))
        if [ $tries = 300 ] || ! kill -0 $redis; then
            cat "$tmp/redis.$port/log"
            exit 2
        fi
        sleep 0.05
    done
}

# redis_stop PID: as a crash does
redis_stop() {
    kill -9 "$1"
    wait "$1" 2>/dev/null
}

# count_keys PATTERN: so many the server at $port has
count_keys() {
    redis-cli -p "$port" keys "$1" | grep -c .
}
