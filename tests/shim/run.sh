#!/bin/sh
# run.sh BUILD_DIR [--mode uffd|uffd-user|segv|refused|valgrind] [--user root|nobody] [--only REGEX]
#
# Compiles the small programs of this folder and runs each one preloaded, in
# all modes: engine uffd, uffd-user and segv, and what libps chooses where a
# seccomp filter refuses userfaultfd; as root and as nobody. KEEP=1 keeps the
# temporary folder.
#
# A program or script says in a comment "run:" and words of these:
#   link          links libps, and is also run without LD_PRELOAD
#   fortify       is also run built with -O2 -D_FORTIFY_SOURCE=2 -D_FILE_OFFSET_BITS=64
#   raw           goes around libps when RAW=1, and must then be seen to fail
#   memcheck      is also run in valgrind, with --mode valgrind (make check-valgrind)
#   no-asan       not with AddressSanitizer
#   segv, root    only with the segv engine, only as root
#   once          in one mode
#   alone         changes what all of the machine sees: only where --only is given
#   talks         libps may write to stderr; else a line of it is a failure
#   library       built as NAME.so for another program
#   static        linked statically, where there is a static libc; no libps gets into it
#   tool          not a test
set -u

here=$(cd "$(dirname "$0")" && pwd)
usage() {
    sed -n '2s/^# /usage: /p' "$0" >&2
    exit 2
}
[ $# -ge 1 ] || usage
build=$(cd "$1" && pwd) || exit 2
shift
modes='uffd uffd-user segv refused' users='root nobody' only=.
while [ $# -gt 0 ]; do
    [ $# -gt 1 ] || usage
    case $1 in
    --mode) modes=$2 ;;
    --user) users=$2 ;;
    --only) only=$2 ;;
    *) usage ;;
    esac
    shift 2
done
one_of() { # one_of WORDS KNOWN: a wrong one is no mode that skips everything
    for word in $1; do
        case " $2 " in *" $word "*) ;; *) usage ;; esac
    done
}
one_of "$modes" 'uffd uffd-user segv refused valgrind'
one_of "$users" 'root nobody'

for variable in $(env | sed -n 's/^\(PS_[A-Z_]*\)=.*/\1/p') LD_PRELOAD RAW XDG_CONFIG_HOME \
    XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME; do
    unset "$variable"
done
umask 022
PATH=/usr/local/bin:/usr/bin:/bin
export LC_ALL=C PATH
TEMP=$(mktemp -d) || exit 2
huge=/sys/kernel/mm/transparent_hugepage/shmem_enabled
huge_was=$(sed -n 's/.*\[\(.*\)\].*/\1/p' $huge 2>/dev/null)
clean_up() {
    # a script that changes it may be killed in the middle
    [ ! -w $huge ] || [ -z "$huge_was" ] || echo "$huge_was" >$huge
    # what URIs have left
    rm -rf /dev/shm/libps-uri-*/*"${TEMP##*/}"*
    [ -n "${KEEP:-}" ] && echo "kept: $TEMP" || rm -rf "$TEMP"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP PIPE
chmod 755 "$TEMP"

passed=0 failed=0 skipped=0
: >"$TEMP/skips"
pass() {
    passed=$((passed + 1))
}
not_ok() {
    echo "FAILED: $1"
    failed=$((failed + 1))
}
skip() {
    skipped=$((skipped + 1))
    echo "skipped: $1" >>"$TEMP/skips"
}

# --- programs ---------------------------------------------------------------------

BIN=$TEMP/bin LIB=$TEMP/lib DATA=$TEMP/data PX=$TEMP/px FLAGS=$TEMP/flags
PS_FAIL_WHILE=$FLAGS/on
export BIN LIB DATA PX FLAGS PS_FAIL_WHILE
mkdir -p "$BIN" "$LIB/libps" "$DATA" "$PX" "$FLAGS" "$TEMP/home" "$TEMP/runs"
chmod 1777 "$FLAGS" "$TEMP/runs"
cp "$build/libps.so.1" "$LIB/" && ln -s libps.so.1 "$LIB/libps.so" &&
    cp "$build"/libps/*.so "$LIB/libps/" && cp "$build/psctl" "$LIB/" &&
    mkdir "$LIB/tests" && cp "$build/tests/without-uffd" "$build/tests/has-uffd" "$build/tests/board" "$LIB/tests/" || exit 1
chmod -R a+rX "$LIB" "$BIN"
psctl=$LIB/psctl
export HOME="$TEMP/home"

says() { # says FILE WORD: its run: line has the word
    sed -n 's/.*run: *//p' "$1" | tr ' ' '\n' | grep -qx "$2"
}
compile() { # compile OUT SOURCE FLAG...
    out=$1 source=$2
    shift 2
    ${CC:-cc} -std=gnu11 -g -Wall -Wextra -Werror -Wno-unused-function \
        -Wno-deprecated-declarations -Wno-clobbered -I"$here" -I"$here/../../include" \
        "$source" "$@" -o "$out" -pthread -ldl -lrt
}
tests=
for source in "$here"/*.c; do
    [ -e "$source" ] || continue
    name=$(basename "$source" .c)
    if says "$source" library; then
        compile "$BIN/$name.so" "$source" -O1 -D_GNU_SOURCE -shared -fPIC || not_ok "$name does not compile"
        continue
    fi
    set -- -O1 -D_GNU_SOURCE
    if says "$source" static; then
        echo 'int main(void) { return 0; }' >"$TEMP/empty.c"
        ${CC:-cc} -static "$TEMP/empty.c" -o "$TEMP/empty" 2>/dev/null || continue
        set -- "$@" -static
    fi
    ! says "$source" link || set -- "$@" "-L$LIB" -Wl,-rpath,"$LIB" -lps
    compile "$BIN/$name" "$source" "$@" || { not_ok "$name does not compile"; continue; }
    ! says "$source" fortify || compile "$BIN/$name.fortify" "$source" -O2 -D_GNU_SOURCE \
        -D_FORTIFY_SOURCE=2 -D_FILE_OFFSET_BITS=64 || not_ok "$name does not compile fortified"
    says "$source" tool || tests="$tests $source"
done
for script in "$here"/*.sh; do
    [ "$script" != "$here/run.sh" ] || continue
    install -m 755 "$script" "$BIN/" # nobody may not be let into this folder
    tests="$tests $script"
done

# A build with AddressSanitizer (make check-asan): its runtime must come first, and leave the
# program's signals and what its malloc may be asked for alone.
preload=$LIB/libps.so.1 runtime=
if nm -D "$LIB/libps.so.1" | grep -q __asan_init; then
    runtime=LD_PRELOAD=$(realpath "$(${CC:-cc} -print-file-name=libasan.so)")
    preload=${runtime#*=}:$preload
    export ASAN_OPTIONS=handle_segv=0:handle_sigbus=0:allocator_may_return_null=1:detect_leaks=0
fi

# --- objects ----------------------------------------------------------------------

"$BIN/data" "$DATA" || exit 1
put() { # put NAME PROXY STORE
    "$psctl" put "$DATA/$1" -o "$PX/$2" --store "$3" >"$TEMP/put" 2>&1 || {
        cat "$TEMP/put"
        exit 1
    }
}
for file in "$DATA"/*; do
    put "${file##*/}" "${file##*/}" "file://$TEMP/store?direct=0"
done
# programs, and a library
cp "$BIN/executed_program" "$DATA/program"
printf '#!/bin/sh\necho script "$@"\nexit 33\n' >"$DATA/script"
put program program "file://$TEMP/store?direct=0"
put script script "file://$TEMP/store?direct=0"
cp "$BIN/opened_library.so" "$DATA/library"
put library library "file://$TEMP/store?direct=0"
put library library.other "file://$TEMP/direct"
put library library.error "fail+file://$TEMP/store.error?direct=0&fail.mode=error"
put program program.error "fail+file://$TEMP/store.error?direct=0&fail.mode=error"
chmod 755 "$PX"/program* "$PX/script"
cp "$PX/small" "$PX/small.other"
touch -d '2001-02-03 04:05:06' "$PX/small.other"
chmod 604 "$PX/small.other"
put small direct "file://$TEMP/direct"
for way in error short stale wrong-length silent; do
    put small "$way" "fail+file://$TEMP/store.$way?direct=0&fail.mode=$way"
done
put small stall "fail+file://$TEMP/store.stall?direct=0&fail.mode=stall&fail.stall=200ms&fail.every=3"
put small slow "delay+file://$TEMP/store.slow?direct=0&delay.latency=3ms&delay.bandwidth=50M"
put small slower "delay+file://$TEMP/store.slower?direct=0&delay.latency=400ms&delay.bandwidth=50M"
put small gone "file://$TEMP/store.gone?direct=0"
put small changed "file://$TEMP/store.changed?direct=0"
"$psctl" put "$DATA/small" -o "$PX/refused" --store "file://$TEMP/store.refused?direct=0" >"$TEMP/put" 2>&1
# a place that the configuration of these runs does not know
sed -i '/store.refused/d' "$HOME/.config/libps/config"
for object in "$TEMP"/store.changed/*; do
    case $object in *.ready) ;; *) head -c 5000 "$DATA/small" | tr 'a-z' 'A-Z' >"$object" ;; esac
done
rm -r "$TEMP/store.gone"
mkdir "$TEMP/store.gone"
chmod -R a+rX "$TEMP/home" "$PX" "$DATA" "$TEMP"/store* "$TEMP/direct"
chmod 604 "$PX/small.other"
STORES=$TEMP
export STORES

# --- runs -------------------------------------------------------------------------

as_user() {
    user=$1
    shift
    if [ "$user" = nobody ] && [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

# possible USER MODE: or why not
possible() {
    if [ "$1" = root ] && [ "$(id -u)" != 0 ]; then
        echo "not root"
    elif [ "$2" = uffd ]; then
        as_user "$1" "$LIB/tests/has-uffd" kernel
    elif [ "$2" = uffd-user ]; then
        as_user "$1" "$LIB/tests/has-uffd" user
    elif [ "$2" = refused ]; then
        as_user "$1" "$LIB/tests/without-uffd" true 2>&1
    elif [ "$2" = valgrind ] && ! command -v valgrind >/dev/null; then
        echo "no valgrind here"
    fi
}

. "$here/../tools/valgrind.sh"

# one NAME SOURCE USER MODE [VARIABLE=VALUE...] -- COMMAND...
number=0
one() {
    name=$1 source=$2 user=$3 mode=$4
    shift 4
    number=$((number + 1))
    TMP=$TEMP/runs/$number
    as_user "$user" mkdir "$TMP" || return
    cp "$PX/small" "$TMP/victim" && chmod 666 "$TMP/victim"
    wrap= engine=PS_ENGINE=$mode limit=60
    case $mode in
    refused) wrap=$LIB/tests/without-uffd engine= ;;
    valgrind) wrap=$VALGRIND engine= limit=300 ;;
    esac
    [ -z "$runtime" ] || limit=300
    variables=
    while [ "$1" != -- ]; do
        variables="$variables $1"
        shift
    done
    shift
    # env, and not the shell: what is wrapped around the program is not preloaded
    (
        ulimit -c 0
        cd "$TMP" || exit 1
        as_user "$user" timeout -k 5 $limit $wrap env TMP="$TMP" MODE="$mode" RUN_AS="$user" $engine \
            $variables "$@" </dev/null >"$TEMP/out" 2>"$TEMP/err"
    )
    status=$?
    rm -rf "$FLAGS/on" "$TMP"
    complaint=
    if [ $status = 77 ]; then
        skip "$name, $mode, $user: $(tail -n 1 "$TEMP/out")"
        return
    elif [ $status = 124 ] || [ $status = 137 ]; then
        complaint="still at it after $limit seconds"
    elif [ $status != 0 ]; then
        complaint="status $status"
    elif grep -q '^libps:' "$TEMP/err" && ! says "$source" talks; then
        complaint="libps complained"
    fi
    case " $variables " in
    *' RAW=1 '*)
        # the remedy is taken away: it must be seen
        if [ -n "$complaint" ]; then
            complaint=
        else
            complaint="passes without the remedy"
        fi
        ;;
    esac
    if [ -z "$complaint" ]; then
        pass
    else
        not_ok "$name, $mode, $user$variables: $complaint"
        sed 's/^/    /' "$TEMP/out" "$TEMP/err" | head -n 8
    fi
}

# in_mode NAME SOURCE USER MODE COMMAND: as its run: line says
in_mode() {
    name=$1 source=$2 user=$3 mode=$4 command=$5
    case $source in
    *.sh)
        one "$name" "$source" "$user" "$mode" PRELOAD="$preload" -- "$command"
        return
        ;;
    esac
    one "$name" "$source" "$user" "$mode" LD_PRELOAD="$preload" -- "$command"
    if says "$source" fortify; then
        one "$name.fortify" "$source" "$user" "$mode" LD_PRELOAD="$preload" -- "$command.fortify"
    fi
    if says "$source" link; then
        one "$name, linked" "$source" "$user" "$mode" $runtime -- "$command"
    fi
    if says "$source" raw && [ "$mode" = uffd ]; then
        one "$name" "$source" "$user" "$mode" LD_PRELOAD="$preload" RAW=1 -- "$command"
    fi
}

ran=
for user in $users; do
    for mode in $modes; do
        why=$(possible "$user" "$mode")
        if [ -n "$why" ]; then
            skip "all, $mode, $user: $why"
            continue
        fi
        for source in $tests; do
            name=$(basename "${source%.*}")
            echo "$name" | grep -qE -e "$only" || continue
            if says "$source" alone && [ "$only" = . ]; then continue; fi
            if says "$source" root && [ "$user" != root ]; then continue; fi
            if [ "$mode" = valgrind ] && ! says "$source" memcheck; then continue; fi
            if [ -n "$runtime" ] && says "$source" no-asan; then continue; fi
            if says "$source" segv && [ "$mode" != segv ] && [ "$mode" != refused ]; then continue; fi
            if says "$source" once; then
                case $ran in *" $name "*) continue ;; esac
                ran="$ran $name "
            fi
            case $source in
            *.sh) command=$BIN/$name.sh ;;
            *) command=$BIN/$name ;;
            esac
            [ ! -e "$command" ] || in_mode "$name" "$source" "$user" "$mode" "$command"
        done
    done
done

sort "$TEMP/skips" | uniq
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
