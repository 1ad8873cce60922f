# peers.sh: the server's files by libps, and by what a user would pick instead; sourced by client.sh
#
# begin_PEER FILE makes $file that file, and $with what its programs have in their environment; it
# starts cold. Each has one setting for all rows. This runs in a mount and a PID namespace of its own,
# where there are peers, so that nothing is left mounted or running.
# shellcheck disable=SC2154,SC2034 # the environment has them, commands use them

limit=60 # s

begin_libps() {
    file=$1.psx with=LD_PRELOAD=$lib
}

# its cache of parts of files, by which most rows are faster than without
begin_rclone() {
    rm -rf "$HOME/.cache/rclone"
    mkdir -p "$data/rclone"
    RCLONE_HTTP_URL=$url rclone mount -q --read-only --vfs-cache-mode full "${remote:-:http:}" \
        "$data/rclone" &
    mounted "$data/rclone" || return
    file=$data/rclone/$1
}

begin_nbdkit() {
    : >"$data/nbdkit"
    nbdfuse -r "$data/nbdkit" [ nbdkit --exit-with-parent curl "url=$url/$1" ] &
    mounted "$data/nbdkit" || return
    file=$data/nbdkit
}

# its server is another, at the same machine; what listens there is no web server, and says so
begin_XRootD() {
    curl -s -o "$temp/said" --retry 5 --retry-connrefused --retry-delay 1 -m 10 "http://$xrootd/"
    [ $? = 56 ] || return 1
    file=/xrootd/$1 with="LD_PRELOAD=libXrdPosixPreload.so XROOTD_VMP=$xrootd:/xrootd=/"
}

# HDF5's own driver, which only HDF5's programs have
begin_ROS3() {
    file=$url/$1 driver=--vfd=ros3
}

mounted() {
    mount=$1
    until mountpoint -q "$mount"; do
        kill -0 $! || return 1
        sleep 0.02
    done
}

# received: bytes that came over the link, or 0 where there is none
received() {
    awk '$1 == "way:" { bytes = $2 } END { print bytes + 0 }' /proc/net/dev
}

# take WHO FILE COMMAND: by libps or a peer; WHO_ms=, WHO_MB=, and the answer without times and names
take() {
    who=$1 with='' driver='' mount=''
    "begin_$who" "$2" || return 1
    eval "set -- $3"
    begin=$(date +%s%N)
    bytes=$(received)
    # shellcheck disable=SC2086 # words
    timeout --foreground -k 5 $limit env $with "$@" >"$temp/answer.$who" 2>&1
    status=$?
    end=$(date +%s%N)
    if [ -n "$mount" ]; then
        umount "$mount" || umount -l "$mount"
        wait
    fi
    [ $status = 0 ] || return $status
    echo "${who}_ms=$(((end - begin) / 1000000)) ${who}_MB=$((($(received) - bytes) / 1000))e-3"
    sed "s|^ms=[^ ]*||; s| copied,.*||; s|$file||" "$temp/answer.$who" >"$temp/plain.$who"
}

# turn FILE COMMAND: by libps, then by each of $peers; the command has "$file" where the name is
turn() {
    take libps "$@" || {
        cat "$temp/answer.libps" >&2
        return 1
    }
    case $2 in
    *driver*) peers="$peers ROS3" ;;
    esac
    for peer in $peers; do
        take "$peer" "$@"
        status=$?
        if [ $status = 124 ]; then
            echo "${peer}_late=$limit"
        elif [ $status != 0 ]; then
            echo "${peer}_fails=$status"
        elif ! cmp -s "$temp/plain.libps" "$temp/plain.$peer"; then
            echo "${peer}_wrong=1"
        fi
    done
}
