#!/bin/sh
# memcheck.sh BUILD_DIR: programs on proxies, and the stress of lazy maps, in valgrind's memcheck
#
# The last line is the sum of all.
set -u

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp -d) || exit 2
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
. "$here/tools/count.sh"

show "programs with one habit" "$here/shim/run.sh" "$build" --mode valgrind
count_sums "programs with one habit"
# slowly: in less time, some of what threads do at random might not be done once
show "the stress of lazy maps" "$here/stress/run.sh" --valgrind "$build" 6
count_sums "the stress of lazy maps"
finish
