# remote.sh: the rows with servers, near and with a long way between; sourced by run.sh
# shellcheck disable=SC2016 # commands that client.sh expands

# A server of its own, by the name that redis-tools has it by
start_redis() {
    [ -z "$redis" ] || return 0
    compile redis "-L$build" -lps "-Wl,-rpath,$build" -lhiredis
    python3 -c 'import redis' 2>"$temp/err" ||
        not_measured "$(tail -n 1 "$temp/err")" "Python's redis"
    ln -s "$(command -v redis-check-rdb)" "$bin/redis-server" || stop "no redis-tools"
    "$bin/redis-server" --port 0 --unixsocket "$data/redis.sock" --save '' --dir "$temp" \
        >"$temp/redis.log" &
    redis=$!
    until redis-cli -s "$data/redis.sock" ping >"$temp/out" 2>&1; do
        kill -0 "$redis" || stop "redis-server does not start"
        sleep 0.05
    done
}
redis_job() { # redis_job JOB TIMES
    env PS_CONFIG=/dev/null PS_ALLOW="redis://$data/redis.sock" PS_MEMORY=0 \
        "$bin/redis" "$data/redis.sock" "$@" || return
    ! python3 -c 'import redis' 2>"$temp/out" ||
        python3 "$here/redis_python.py" "$data/redis.sock" "$@"
}
redis() { # redis JOB TIMES TARGET
    start_redis
    measure 1 redis_job "$1" "$2" || return
    row lazy ms '<=' "$3" "$(word pairs 0) pairs; hiredis alone $(word native 2) ms$(
        word python_ms 2 | sed "s/..*/; Python's & ms/")"
}

# --- http ------------------------------------------------------------------------------

apart='' peers='' url='' objects='' xrootd=''
export here bin temp lib psctl data peers url objects xrootd
# have_peers: those that are here, once; and a line for each other
have_peers() {
    [ -z "$apart" ] || return 0
    apart=env
    if [ "$(id -u)" != 0 ]; then
        not_measured "no mounts of its own can be made here" "what a user would pick instead"
        return
    fi
    apart="unshare --mount --pid --fork --kill-child --mount-proc"
    for each in "rclone /dev/fuse rclone" "nbdkit /dev/fuse nbdkit nbdfuse" \
        "XRootD libXrdPosixPreload.so xrootd setpriv"; do
        missing=''
        for what in ${each#* }; do
            case $what in
            /*) [ -e "$what" ] ;;
            *.so) ls /usr/lib/*/"$what" ;;
            *) command -v "$what" ;;
            esac >"$temp/out" 2>&1 || missing=$what
        done
        if [ -z "$missing" ]; then
            peers="$peers ${each%% *}"
        else
            not_measured "no $missing" "${each%% *}"
        fi
    done
}

free_ports() { # free_ports NUMBER
    python3 -c 'import socket, sys
found = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(each.getsockname()[1] for each in found))' "$1"
}

# A server of its own: web_folder ADDRESS PORT PORT MIB; then $bin/serve is nginx, and beside it, and
# ended with it, XRootD's at the second port
web_folder() {
    command -v curl >/dev/null || stop "no curl"
    have_peers
    rm -rf www xrootd "$temp/nginx"
    mkdir www xrootd "$temp/nginx"
    chmod 755 . www
    head -c $(($4 * 1048576)) /dev/urandom >www/big || stop "no room for $4 MiB"
    url=http://$1:$2 objects=big xrootd=$1:$3
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
    server { listen $1:$2; root $data/www; autoindex on; }
}
END
    cat >xrootd/conf <<END
xrd.port $3
all.export / r/o
all.adminpath $data/xrootd
all.pidpath $data/xrootd
oss.localroot $data/www
END
    : >"$bin/serve"
    case $peers in
    *XRootD*)
        chown nobody xrootd
        echo "setpriv --reuid=nobody --regid=nogroup --clear-groups --pdeathsig=KILL" \
            "xrootd -c $data/xrootd/conf -l $data/xrootd/log &" >>"$bin/serve"
        ;;
    esac
    echo "exec /usr/sbin/nginx -e $temp/nginx/errors -c $temp/nginx/conf -p $temp/nginx" >>"$bin/serve"
}

# beside: what the peers took, for the note of a row
beside() {
    echo "$words" | awk -F= -v peers="$peers ROS3" '
        { value[$1] = $2 }
        END {
            for (i = 1; i <= split(peers, names, " "); i++) {
                peer = names[i] "_"
                if ((peer "wrong") in value)
                    printf "; %s gives wrong bytes", names[i]
                else if ((peer "fails") in value)
                    printf "; %s fails", names[i]
                else if ((peer "late") in value)
                    printf "; %s > %d s", names[i], value[peer "late"]
                else if ((peer "ms") in value)
                    printf "; %s %.2f s", names[i], value[peer "ms"] / 1000
                if (value[peer "MB"] > 0)
                    printf " (%.1f MB)", value[peer "MB"]
            }
        }'
}
moved() {
    echo "$(word libps_MB 2) MB moved$(beside)"
}

# 1 GiB, near
near_folder() {
    [ -z "$url" ] || return 0
    # shellcheck disable=SC2046 # two numbers
    web_folder 127.0.0.1 $(free_ports 2) 1024
}
near() { # near STARTS JOB...: as measure, of a job of client.sh
    near_folder
    sh "$bin/serve" &
    nginx=$!
    until curl -s -o "$temp/out" "$url/"; do
        kill -0 "$nginx" || stop "nginx does not start"
        sleep 0.05
    done
    number=$1
    shift
    # shellcheck disable=SC2086 # words
    measure "$number" $apart sh "$here/client.sh" "$@"
    status=$?
    kill "$nginx"
    wait "$nginx"
    nginx=''
    return "$status"
}
all='dd if="$file" of=/dev/null bs=1M'
near_all() {
    near_folder
    near 1 beside big "$all" "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 dd if=big.psx \
        of=/dev/null bs=1M status=none -- curl -s -o /dev/null "$url/big" || return
    row wall x '>=' 1.00 "$(word pairs 0) pairs$(beside)"
}
near_every() {
    near 3 turn big '"$bin/every" "$file" 400' || return
    row libps_ms ms '<=' 300 "3 runs, of every 400th page$(beside)"
}

# The same far away, with 250 MB/s between: 256 MiB, and a database, a file of HDF5 and reads of a
# genome of that size
far_folder() {
    compile link
    compile preads -pthread
    compile gets -lcurl
    web_folder 10.77.0.1 80 1094 256
    objects="big db h5 bam"
    "$here/../examples/make_db.sh" www/db 2400000 || stop "no database"
    python3 - <<'END' || stop "no file of HDF5"
import h5py, numpy
with h5py.File("www/h5", "w") as h5:
    for i in range(64):
        h5.create_dataset(f"group{i % 8}/set{i}", data=numpy.arange(500_000, dtype="f8") + i,
                          chunks=(50_000,), track_times=False)
END
    python3 - <<'END' | samtools view -b -o www/bam - || stop "no reads"
import os, sys
bases = bytes(b"ACGT"[i % 4] for i in range(256))
grades = bytes(33 + i % 40 for i in range(256))
print("@SQ\tSN:chr1\tLN:200000000", flush=True)
for block in range(250):
    sequences, qualities = os.urandom(1_000_000).translate(bases), os.urandom(1_000_000).translate(grades)
    for at in range(0, 1_000_000, 100):
        number = block * 10_000 + at // 100
        sys.stdout.buffer.write(b"read%d\t%d\tchr1\t%d\t60\t100M\t*\t0\t0\t%b\t%b\n" % (
            number, number % 7 * 16 & 16, number * 75 + 1, sequences[at:at + 100], qualities[at:at + 100]))
END
}
far() { # far MS STARTS JOB...
    if [ "$(id -u)" != 0 ] || [ ! -e /dev/net/tun ]; then
        not_measured "no network of its own can be made here"
        return 1
    fi
    [ -e "$bin/link" ] || far_folder
    ms=$1 number=$2
    shift 2
    # shellcheck disable=SC2086 # words
    measure "$number" "$bin/link" "$ms" 250 sh "$bin/serve" -- $apart sh "$here/client.sh" "$@"
}
far_all() { # far_all MS
    far "$1" 1 beside big "$all" "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 dd if=big.psx \
        of=/dev/null bs=1M status=none -- sh "$here/client.sh" eight || return
    row wall x '>=' 1.10 "$(word pairs 0) pairs$(beside)"
}
far_computed() { # far_computed FILE PROGRAM...
    name=$1
    shift
    far 10 1 beside "$name" "$* \"\$file\"" "$bin/pair" 30 sh "$here/client.sh" fetched "$name" "$@" \
        -- LD_PRELOAD="$lib" PS_MEMORY=0 "$@" "$name.psx" || return
    row wall x '<=' 0.75 "$(word pairs 0) pairs$(beside)"
}
far_random() { # far_random THREADS
    far 10 3 trips 1000 "$1" || return
    row trips x '<=' 1.05 "3 runs; $(word libps_ms 0) ms, $(moved)"
}
far_learned() { # far_learned TARGET COMMAND...
    target=$1
    shift
    rm -rf "$temp/learned"
    mkdir -m 700 "$temp/learned"
    far 10 1 run env LD_PRELOAD="$lib" PS_LEARN="$temp/learned" "$@" || return
    far 10 3 run env LD_PRELOAD="$lib" PS_LEARN="$temp/learned" "$@" || return
    row ms ms '<=' "$target" "3 runs"
}
far_timed() { # far_timed TARGET FILE COMMAND
    far 10 3 turn "$2" "$3" || return
    row libps_ms ms '<=' "$1" "3 runs; $(moved)"
}
far_cached() {
    far 10 1 run "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 PS_CACHE="$temp/cache" sh \
        "$here/client.sh" cached 1 -- LD_PRELOAD="$lib" PS_MEMORY=0 PS_CACHE="$temp/cache" sh \
        "$here/client.sh" cached 8 || return
    row wall x '<=' 1.20 "$(word pairs 0) pairs"
}

# --- s3 --------------------------------------------------------------------------------

# Swift as the tests have it, with 256 MiB at bucket/big
start_swift() {
    [ -z "$swift" ] || return 0
    compile preads -pthread
    compile gets -lcurl
    ports=$(free_ports 5)
    # shellcheck disable=SC2086 # five numbers
    python3 "$here/../tests/remote/swift_server.py" "$temp/swift" $ports >"$temp/ready" 2>"$temp/err" &
    swift=$!
    until grep -q ready "$temp/ready"; do
        if ! kill -0 $swift; then
            not_measured "$(tail -n 1 "$temp/err")"
            swift=''
            return 1
        fi
        sleep 0.05
    done
    AWS_ENDPOINT_URL_S3=http://127.0.0.1:${ports%% *} AWS_REGION=eu-test-1
    AWS_ACCESS_KEY_ID=test:tester AWS_SECRET_ACCESS_KEY='se/cret+'
    RCLONE_S3_ENV_AUTH=true RCLONE_S3_PROVIDER=Other RCLONE_S3_ENDPOINT=$AWS_ENDPOINT_URL_S3
    RCLONE_S3_REGION=$AWS_REGION
    export AWS_ENDPOINT_URL_S3 AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY \
        RCLONE_S3_ENV_AUTH RCLONE_S3_PROVIDER RCLONE_S3_ENDPOINT RCLONE_S3_REGION
    echo "machine 127.0.0.1 login $AWS_ACCESS_KEY_ID password $AWS_SECRET_ACCESS_KEY" >"$temp/netrc"
    head -c 268435456 /dev/urandom >big || stop "no room for 256 MiB"
    "$psctl" put big --store "s3://bucket?s3.part=512M" --key big -o stored.psx >"$temp/out" ||
        stop "no object"
    rm -f big stored.psx
    have_peers
    case $peers in
    *rclone*) peers=rclone ;;
    *) peers='' ;;
    esac
    export store=s3://bucket remote=:s3:bucket
    url=$AWS_ENDPOINT_URL_S3/bucket objects=big
}
s3() { # s3 STARTS JOB...: as measure, of a job of client.sh
    number=$1
    shift
    # shellcheck disable=SC2086 # words
    measure "$number" $apart sh "$here/client.sh" "$@"
}
s3_all() {
    start_swift || return
    s3 1 beside big "$all" "$bin/pair" 30 LD_PRELOAD="$lib" PS_MEMORY=0 dd if=big.psx \
        of=/dev/null bs=1M status=none -- curl -s --netrc-file "$temp/netrc" \
        --aws-sigv4 "aws:amz:$AWS_REGION:s3" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        -o /dev/null "$url/big" || return
    row wall x '>=' 1.00 "$(word pairs 0) pairs$(beside)"
}
s3_random() {
    start_swift || return
    s3 3 trips 200 1 || return
    row trips x '<=' 1.05 "3 runs of 200; $(word libps_ms 0) ms$(beside)"
}
