# count.sh: adding up what the parts of a test run say; sourced
#
# Uses $temp. Keeps passed, failed, skipped, the reasons of skips in $temp/skips, and what
# failed in $temp/failures.

passed=0 failed=0 skipped=0
: >"$temp/skips"
: >"$temp/failures"

# fail REASON: one more failure that no test counted
fail() {
    echo "FAILED: $1" | tee -a "$temp/failures"
    failed=$((failed + 1))
}

skip() {
    echo "skipped: $1" | tee -a "$temp/skips"
    skipped=$((skipped + 1))
}

# show NAME COMMAND...: run and show it; its output is in $temp/log, its status in $status
show() {
    began=$(date +%s) shown=$1
    shift
    { "$@" 2>&1 </dev/null; echo $? >"$temp/status"; } | tee "$temp/log" |
        grep -av '^\[\(RUN \|PASS\)\]\|^\[====\] Running'
    read -r status <"$temp/status"
    took=$(($(date +%s) - began))
    [ $took -lt 20 ] || echo "took $took s: $shown"
}

# keep_skips NAME: remember why something was skipped, for the end
keep_skips() {
    grep -a '^skipped\|^\[SKIP\]' "$temp/log" | sed "s|^\[SKIP\]|skipped|; s|^skipped:* *|skipped: $1: |" \
        >>"$temp/skips"
}

# keep_failures NAME: the lines that say so, for the end
keep_failures() {
    grep -a '^FAILED\|^not ok\|^\[FAIL\]' "$temp/log" | sed "s|^|$1: |" >>"$temp/failures"
}

# add NAME PASSED FAILED SKIPPED: what a part counted, and whether it fits its status
add() {
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    if [ $(($2 + $3)) = 0 ]; then
        fail "$1 ran no test"
    elif [ "$status" != 0 ] && [ "$3" = 0 ]; then
        fail "$1 ended with status $status"
    fi
    keep_skips "$1"
    keep_failures "$1"
}

# count_sums NAME: of a script whose last line is "N passed, N failed[, N skipped]"
count_sums() {
    sums=$(tail -n 1 "$temp/log" | sed -n \
        's/^\([0-9]*\) passed, \([0-9]*\) failed\(, \([0-9]*\) skipped\)\{0,1\}$/\1 \2 \4/p')
    set -- "$1" $sums
    add "$1" "${2:-0}" "${3:-0}" "${4:-0}"
}

# count_criterion NAME: of a program of unit tests
count_criterion() {
    sums=$(sed -n 's/.*Synthesis: Tested: \([0-9]*\) | Passing: \([0-9]*\) .*/\1 \2/p' "$temp/log" | tail -n 1)
    skips=$(grep -ac '^\[SKIP\]' "$temp/log")
    set -- "$1" $sums
    add "$1" "${3:-0}" $((${2:-0} - ${3:-0})) "$skips"
}

# finish: why things were skipped, what failed, the last line, and the end
finish() {
    cat "$temp/skips" "$temp/failures"
    echo "$passed passed, $failed failed, $skipped skipped"
    [ $failed = 0 ]
    exit $?
}
