#!/bin/sh
# run.sh BUILD_DIR [REGEX]: programs on proxies of real servers, and what servers do to them
#
# Each scenario NAME.sh of this folder that REGEX matches is run in each engine,
# as root and as nobody, with servers that it starts on free ports of this
# machine and stops by their pids. ENGINES="segv", USERS="nobody": only these. Prints "ok NAME" or "not ok NAME" for each
# check, and the sums. Status 1 when one failed.
set -u

[ $# = 1 ] || [ $# = 2 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd) || exit 2
only=${2:-.}
here=$(cd "$(dirname "$0")" && pwd) || exit 2
tmp=$(mktemp -d) || exit 2
passed=0 failed=0 skipped=0
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM PIPE

# Copies that any user may read.
cp -r "$build/libps.so.1" "$build/libps" "$build/psctl" "$tmp"
cp -r "$here" "$here/../tools" "$tmp"
mkdir "$tmp/tests" "$tmp/runs"
cp "$build/tests/without-uffd" "$build/tests/has-uffd" "$tmp/tests"
chmod -R a+rX "$tmp"
chmod 1777 "$tmp/runs"
for variable in $(env | sed -n 's/^\(PS_[A-Z_]*\|AWS_[A-Z_0-9]*\)=.*/\1/p') LD_PRELOAD REDISCLI_AUTH CURL_CA_BUNDLE \
    SSL_CERT_FILE SSL_CERT_DIR http_proxy https_proxy all_proxy ALL_PROXY no_proxy NO_PROXY TMPDIR \
    XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME; do
    unset "$variable"
done

# Only a stand-in's: this machine may be an instance, whose credentials are no business of tests.
export AWS_EC2_METADATA_DISABLED=true

# as USER COMMAND...
as() {
    who=$1
    shift
    [ "$who" = "$(id -un)" ] || set -- setpriv --reuid="$who" --regid="$(id -g "$who")" --clear-groups "$@"
    "$@"
}

# scenario USER ENGINE SCRIPT
scenario() {
    name="$(basename "$3" .sh), $2, $1"
    case $2 in
    uffd) why=$(as "$1" "$tmp/tests/has-uffd" kernel) ;;
    uffd-user) why=$(as "$1" "$tmp/tests/has-uffd" user) ;;
    *) why= ;;
    esac
    if [ -n "$why" ]; then
        echo "skipped: $name: $why"
        skipped=$((skipped + 1))
        return
    fi
    as "$1" env INST="$tmp" RUNS="$tmp/runs" ENGINE="$2" TOOLS="$tmp/tools" HERE="$tmp/remote" \
        sh <"$3" >"$tmp/log" 2>&1
    grep -ac '^ok' "$tmp/log" >"$tmp/count"
    passed=$((passed + $(cat "$tmp/count")))
    if [ "$(tail -n 1 "$tmp/log")" = done ] && ! grep -aq '^not ok' "$tmp/log"; then
        echo "$name: $(cat "$tmp/count") passed"
        return
    fi
    sed "s|^not ok|FAILED: $name:|" "$tmp/log" | grep -av '^ok'
    failed=$((failed + 1))
    [ "$(tail -n 1 "$tmp/log")" = done ] || echo "FAILED: $name: ended in the middle"
}

users=$(id -un)
[ "$(id -u)" != 0 ] || users="$users nobody"
for user in ${USERS:-$users}; do
    for engine in ${ENGINES:-uffd uffd-user segv}; do
        for script in "$here"/*_test.sh; do
            ! basename "$script" | grep -qE "$only" || scenario "$user" "$engine" "$script"
        done
    done
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ] && [ $passed != 0 ]
