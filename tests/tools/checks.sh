# checks.sh: the checks that the parts of cli/ and remote/ are written in; sourced

passed=0
failed=0
skipped=0
out=$tmp/out
err=$tmp/err

ok() {
    passed=$((passed + 1))
    echo "ok $1"
}

not_ok() {
    failed=$((failed + 1))
    echo "not ok $1"
    sed 's/^/    out: /' "$out" | head -5 | tr -cd '[:print:]\n'
    sed 's/^/    err: /' "$err" | head -5 | tr -cd '[:print:]\n'
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped $1: $2"
}

# is NAME COMMAND...: the command succeeds
is() {
    name=$1
    shift
    if "$@" 2>/dev/null; then ok "$name"; else not_ok "$name"; fi
}

# run COMMAND...: its output into $out and $err, its status into $status
run() {
    "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

# does NAME PATTERN COMMAND...: status 0, and PATTERN in what it prints
does() {
    name=$1 pattern=$2
    shift 2
    run "$@"
    if [ $status = 0 ] && grep -q -e "$pattern" "$out" "$err"; then
        ok "$name"
    else
        echo "    status $status"
        not_ok "$name"
    fi
}

# stops NAME STATUS PATTERN COMMAND...: that status, nothing on stdout, and one
# line "psctl: ...PATTERN..." on stderr
stops() {
    name=$1 wanted=$2 pattern=$3
    shift 3
    run "$@"
    if [ $status = "$wanted" ] && [ ! -s "$out" ] && [ "$(wc -l <"$err")" = 1 ] &&
        grep -q -e "^psctl: .*$pattern" "$err"; then
        ok "$name"
    else
        echo "    status $status, not $wanted"
        not_ok "$name"
    fi
}

# ends NAME STATUS COMMAND...: that status
ends() {
    name=$1 wanted=$2
    shift 2
    run "$@"
    if [ $status = "$wanted" ]; then
        ok "$name"
    else
        echo "    status $status, not $wanted"
        not_ok "$name"
    fi
}

# fails NAME PATTERN COMMAND..., misuse NAME PATTERN COMMAND...: as stops, with 1 and with 2
fails() {
    f_name=$1 f_pattern=$2
    shift 2
    stops "$f_name" 1 "$f_pattern" "$@"
}

misuse() {
    f_name=$1 f_pattern=$2
    shift 2
    stops "$f_name" 2 "$f_pattern" "$@"
}

is_json() {
    python3 -m json.tool "$1" >/dev/null
}

# as_nobody COMMAND...: as a user who owns nothing here
as_nobody() {
    setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

is_root() {
    [ "$(id -u)" = 0 ]
}
