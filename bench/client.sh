#!/bin/sh
# client.sh JOB [ARG...]: what the rows of remote.sh run where the client is, in the folder of the data
#
# $url has the server's files, $objects names those that get a proxy. $here, $bin, $temp, $lib and
# $psctl are run.sh's.
# shellcheck source-path=SCRIPTDIR disable=SC2154 # what is in the environment
set -u

. "$here/peers.sh"

proxies() {
    until curl -s -o "$temp/index" "$url/"; do sleep 0.05; done
    for name in $objects; do
        rm -f "$name.psx"
        "$psctl" proxy "${store:-$url}/$name" -o "$name.psx" >"$temp/said" || exit 1
    done
}

# trips COUNT THREADS: so many random reads, in units of the round trips that libcurl needs for them
trips() {
    trips_ms=$("$bin/gets" "$url/big" "$1") || exit 1
    turn big "\"$bin/preads\" \"\$file\" $1 $2" || exit 1
    awk -v trips="${trips_ms#*=}" -v threads="$2" -F '[= ]' \
        '{ print "trips=" $2 / trips * threads }' "$temp/answer.libps"
}

job=$1
shift
case $job in
# the jobs that measure, by their words
run) # run COMMAND...
    proxies
    exec "$@"
    ;;
turn) # turn FILE COMMAND
    proxies
    turn "$@"
    ;;
beside) # beside FILE COMMAND PROGRAM...: the program's own words, too
    proxies
    turn "$1" "$2" || exit 1
    shift 2
    exec "$@"
    ;;
trips)
    proxies
    trips "$@"
    ;;
# and what they measure
eight) # all of it, by eight ranges
    size=$((256 * 1048576 / 8))
    for i in 0 1 2 3 4 5 6 7; do
        curl -s -o /dev/null -r $((i * size))-$(((i + 1) * size - 1)) "$url/big" &
    done
    wait
    ;;
cached) # cached COUNT: so many at once with a new cache
    rm -rf "$temp/cache"
    for _ in $(seq "$1"); do dd if=big.psx of=/dev/null bs=1M status=none & done
    wait
    ;;
fetched) # fetched FILE PROGRAM...: download, then run
    curl -s -o copy "$url/$1" || exit 1
    shift
    "$@" copy
    ;;
esac
