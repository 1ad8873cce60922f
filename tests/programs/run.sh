#!/bin/sh
# run.sh BUILD_DIR [--engine E] [--user root|nobody] [--no-uffd] [--only REGEX]
#
# Runs every row of the table natively and on proxies, and compares. With no
# option that names a mode: in all modes. Engines E: uffd, uffd-user, segv,
# auto (what libps chooses), direct (auto, on a store that gives out files);
# two that test the table itself: native (natively once more) and bare (proxies
# without libps: every row must notice); and traced: what strace sees on the data
# must come by a hook, or be in the list unhooked (rows with that tag).
# --no-uffd refuses userfaultfd by a seccomp filter. Needs `make all tests`.
# KEEP=1 keeps the temporary folder.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
usage() {
    sed -n '2s/^# /usage: /p' "$0" >&2
    exit 2
}
[ $# -ge 1 ] || usage
build=$(cd "$1" && pwd) || exit 2
shift
engine= user= wrap= only=. one=
while [ $# -gt 0 ]; do
    case $1 in
    --engine) [ $# -gt 1 ] || usage; engine=$2 one=1 && shift ;;
    --user) [ $# -gt 1 ] || usage; user=$2 one=1 && shift ;;
    --no-uffd) wrap=without-uffd one=1 ;;
    --only) [ $# -gt 1 ] || usage; only=$2 && shift ;;
    *) usage ;;
    esac
    shift
done

unset LD_PRELOAD
umask 022
PATH=/usr/local/bin:/usr/bin:/bin
export LC_ALL=C PATH
TEMP=$(mktemp -d)
trap '[ -n "${KEEP:-}" ] && echo "kept: $TEMP" || rm -rf "$TEMP"' EXIT
# PIPE too: who reads this may be ended first, and what a signal ends cleans nothing up
trap 'exit 130' INT TERM PIPE
chmod 755 "$TEMP"

# --- what is run, and on what ----------------------------------------------------

DATA=$build/tests/programs/data
"$here/make-data.sh" "$build/tests/programs"
# Native results are those of these data and of the programs installed now.
NATIVE=$build/tests/programs/native
stamp="$(cat "$build/tests/programs/complete") $(cksum <"$here/row.sh") $(ls -l --full-time /var/lib/dpkg/status 2>&1)"
if [ "$(cat "$NATIVE/stamp" 2>/dev/null)" != "$stamp" ]; then
    rm -rf "$NATIVE"
    mkdir "$NATIVE"
    echo "$stamp" >"$NATIVE/stamp"
fi
ROWS=$TEMP/rows
grep -v '^#\|^$' "$here/table" | grep -E -e "$only" >"$TEMP/matching" || { echo "no row matches $only" >&2; exit 2; }

# A copy of the build, so that another user can read it wherever it is.
mkdir -p "$TEMP/build/tests" "$TEMP/home" "$TEMP/maker"
for file in libps.so.1 libps psctl; do
    cp -r "$build/$file" "$TEMP/build" || exit 2
done
cp "$build/tests/board" "$build/tests/without-uffd" "$build/tests/has-uffd" \
    "$build/tests/programs/bin"/* "$TEMP/build/tests"
chmod -R a+rX "$TEMP/build"
chmod 777 "$TEMP/home"
PATH=$TEMP/build/tests:$TEMP/build:$PATH
export DATA NATIVE TEMP ROWS

# proxies KIND OPTIONS: the folder $TEMP/KIND of a proxy of each data file, under its name
proxies() {
    [ ! -d "$TEMP/$1" ] || return 0
    mkdir "$TEMP/$1"
    for file in "$DATA"/*; do
        name=${file##*/}
        if [ "$1" = bare ]; then
            { printf '%%PSX 1\0\n' && head -c 4085 /dev/zero | tr '\0' ' '; } >"$TEMP/$1/$name"
        else
            HOME=$TEMP/maker psctl put "$file" -o "$TEMP/$1/$name" \
                --store "file://$TEMP/store.$1$2" >"$TEMP/put" 2>&1 || {
                cat "$TEMP/put"
                rm -r "$TEMP/$1"
                return 1
            }
        fi
        touch -r "$file" "$TEMP/$1/$name"
        chmod 644 "$TEMP/$1/$name"
    done
    [ ! -d "$TEMP/store.$1" ] || chmod -R a+rX "$TEMP/store.$1"
}

# --- one mode ---------------------------------------------------------------------

passed=0 failed=0 skipped=0

skip() {
    echo "skipped: $MODE: $1"
    skipped=$((skipped + 1))
}

# cannot: why this mode is not possible here, or nothing
cannot() {
    if [ -n "$MODE_TRACED" ]; then
        strace -k -o /dev/null true 2>&1 | head -n 1
        return
    fi
    [ "$MODE_ENGINE" = uffd ] || [ "$MODE_ENGINE" = uffd-user ] || return 0
    faults=kernel
    [ "$MODE_ENGINE" = uffd ] || faults=user
    if [ -n "$MODE_USER" ]; then
        setpriv --reuid="$MODE_USER" --regid="$(id -g "$MODE_USER")" --clear-groups \
            $MODE_WRAP has-uffd $faults || true
    else
        $MODE_WRAP has-uffd $faults || true
    fi
}

# touched: a row changed the native data, which all other rows share
touched() {
    find "$DATA" -type f -newermt @1700000002 | grep .
}

# mode ENGINE USER WRAP
mode() {
    MODE_ENGINE=$1 MODE_USER=$2 MODE_WRAP=$3 MODE_KIND=proxied MODE_TRACED= MODE_TAG=.
    MODE="$1${3:+ $3}, ${2:-$(id -un)}"
    case $1 in
    direct | native | bare) MODE_KIND=$1 MODE_ENGINE= ;;
    auto) MODE_ENGINE= ;;
    # with uffd strace would wait for memory that is filled by who waits for strace
    traced) MODE_ENGINE=segv MODE_TRACED=1 MODE_TAG='^\[[^]]*traced' ;;
    uffd | uffd-user | segv) ;;
    *) usage ;;
    esac
    if [ -n "$MODE_USER" ] && [ "$MODE_USER" = "$(id -un)" ]; then
        MODE_USER=
    fi
    if [ -n "$MODE_USER" ] && [ "$(id -u)" != 0 ]; then
        skip "only root can be another user"
        return
    fi
    reason=$(cannot)
    if [ -n "$reason" ]; then
        skip "$reason"
        return
    fi
    case $MODE_KIND in
    proxied) proxies proxied '?direct=0' ;;
    direct | bare) proxies $MODE_KIND '' ;;
    esac || {
        echo "FAILED: $MODE: no proxies"
        failed=$((failed + 1))
        return
    }
    RESULTS=$TEMP/$(echo "$MODE" | tr -s ' ,' .)
    export MODE MODE_ENGINE MODE_USER MODE_WRAP MODE_KIND MODE_TRACED RESULTS
    mkdir "$RESULTS"
    grep -e "$MODE_TAG" "$TEMP/matching" >"$ROWS" || {
        skip "no row matches $only"
        return
    }
    start=$(date +%s)
    seq "$(wc -l <"$ROWS")" | xargs -P 2 -n 1 "$here/row.sh" || true
    p=0 f=0 s=0
    for n in $(seq "$(wc -l <"$ROWS")"); do
        case $(cat "$RESULTS/$n" 2>/dev/null) in
        passed) p=$((p + 1)) ;;
        skipped) s=$((s + 1)) ;;
        failed) f=$((f + 1)) ;;
        *) echo "FAILED: $MODE: no result: $(sed -n "${n}p" "$ROWS")" && f=$((f + 1)) ;;
        esac
    done
    if touched; then
        echo "FAILED: $MODE: the native data were changed"
        rm -f "$build/tests/programs/complete"
        f=$((f + 1))
    fi
    echo "$MODE: $p passed, $f failed, $s skipped ($(($(date +%s) - start)) s)"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

if [ -n "$one" ]; then
    mode "${engine:-auto}" "$user" "$wrap"
else
    me=$(id -un)
    mode bare "$me" ''
    mode traced "$me" ''
    for who in root nobody; do
        [ "$(id -u)" = 0 ] || who=$me
        mode uffd $who ''
        mode uffd-user $who ''
        mode segv $who ''
        mode auto $who without-uffd
        mode direct $who ''
        [ "$(id -u)" = 0 ] || break
    done
    if [ "$(id -u)" != 0 ]; then
        MODE="root"
        skip "only root can be root and nobody"
    fi
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
