#!/bin/sh
# format.sh BUILD_DIR: the tracked sources are as clang-format writes them ("make format" does)
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || { echo "skipped: no clang-format"; exit 77; }
git rev-parse --git-dir >/dev/null 2>&1 || { echo "skipped: not a git checkout"; exit 77; }

temp=$(mktemp)
trap 'rm -f "$temp"' EXIT
trap 'exit 130' INT TERM PIPE
git ls-files -z -- '*.c' '*.h' '*.cc' | xargs -0 -r sh -c '
    for file; do
        [ ! -f "$file" ] || clang-format --dry-run -Werror "$file" 2>&1
    done' sh >"$temp" || true
if [ -s "$temp" ]; then
    files=$(sed -n 's/^\([^: ]*\):[0-9]*:[0-9]*: error:.*/\1/p' "$temp" | sort -u)
    echo "format: $(echo "$files" | wc -l) files are not as make format leaves them: $(echo $files)"
    [ -n "$files" ] || head -n 3 "$temp"
    exit 1
fi
