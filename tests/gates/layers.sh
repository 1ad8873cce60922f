#!/bin/sh
# layers.sh BUILD_DIR: who may include what; one way only, program -> shim -> runtime -> backends
#
# Every #include is resolved as the compiler would, then the rule of the room
# of the including file is asked. A quoted include that resolves to nothing
# fails too: it would be found by luck.
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."

rooms=
for room in include shim runtime unwind backends cli examples; do
    [ ! -d "$room" ] || rooms="$rooms $room"
done
# shellcheck disable=SC2086 # names without blanks
files=$(find $rooms -name '*.[ch]' -o -name '*.cc' | sort)
# shellcheck disable=SC2086 # names without blanks
bad=$(grep -HnE '^[[:space:]]*#[[:space:]]*include' $files | awk '
function exists(path,    line, found) {
    if (!(path in known)) {
        found = (getline line < path) >= 0
        close(path)
        known[path] = found
    }
    return known[path]
}
function tidy(path) {
    while (match(path, /[^\/]+\/\.\.\//))
        path = substr(path, 1, RSTART - 1) substr(path, RSTART + RLENGTH)
    return path
}
function resolve(dir, name, quoted) {
    if (quoted && exists(tidy(dir "/" name)))
        return tidy(dir "/" name)
    if (exists("include/" name))
        return "include/" name
    if (exists("runtime/" name))
        return "runtime/" name
    return quoted ? "nothing" : "system"
}
function allowed(from, dir, to, quoted) {
    if (from ~ /^include\//)
        return !quoted && (to == "system" || to ~ /^include\/ps\//)
    if (to == "system")
        return 1
    if (from ~ /^backends\//)
        return to ~ /^include\/ps\/(backend|proxy|error)\.h$/ || to ~ /^backends\/wrap\// ||
            to == "backends/module.h" ||
            (dir ~ /^backends\/s3/ && to ~ /^backends\/http\//) ||
            (dir ~ /^backends\/rediss/ && to ~ /^backends\/redis\//) ||
               index(to, dir "/") == 1
    if (to ~ /^include\/ps\//)
        return 1
    if (from ~ /^runtime\/base\//)
        return to ~ /^runtime\/base\//
    if (from ~ /^runtime\//)
        return to ~ /^runtime\// || to ~ /^unwind\/(stack|waits)\.h$/
    if (from ~ /^unwind\//)
        return to ~ /^unwind\//
    if (from ~ /^shim\//)
        return to ~ /^(shim\/|runtime\/(preload|fork)\.h$|runtime\/base\/)/
    if (from ~ /^cli\//)
        return to ~ /^cli\// || to ~ /^unwind\/(stack|waits)\.h$/
    if (from ~ /^examples\//)
        return to ~ /^examples\//
    return 0
}
{
    split($0, part, ":")
    from = part[1]
    dir = from
    sub(/\/[^\/]*$/, "", dir)
    if (!match($0, /["<][^">]+[">]/)) {
        print from ":" part[2] ": an include that this gate cannot read"
        next
    }
    quoted = substr($0, RSTART, 1) == "\""
    name = substr($0, RSTART + 1, RLENGTH - 2)
    to = resolve(dir, name, quoted)
    count++
    if (!allowed(from, dir, to, quoted))
        print from ":" part[2] ": may not include " name " (" to ")"
}
END {
    if (count < 100)
        print "only " count + 0 " includes were seen"
}')
if [ -n "$bad" ]; then
    echo "layers: $(echo "$bad" | head -n 1)"
    echo "$bad" | tail -n +2
    exit 1
fi
