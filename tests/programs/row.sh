#!/bin/sh
# row.sh N: run row N of the table natively (unless that is known) and in the mode of run.sh
#
# Called by run.sh, which exports: DATA NATIVE TEMP ROWS and MODE (its name),
# MODE_KIND (proxied, direct, native or bare), MODE_ENGINE, MODE_USER ("" or a
# name), MODE_WRAP ("" or a program to run it in), MODE_TRACED ("" or 1: in
# strace), RESULTS. Leaves passed, failed or skipped in $RESULTS/N and prints a
# report of a row that failed.
set -eu

limit=60
row=$(sed -n "${1}p" "$ROWS")
tags=" "
command=$row
case $row in
\[*) tags=" ${row%%]*} " tags=" ${tags#*\[}" command=${row#*\] } ;;
esac
number=$1
here=$RESULTS/row.$number
problems=$here/problems
mkdir "$here"

# tag NAME: the value of the tag NAME=value, or nothing
tag() {
    case $tags in
    *" $1="*) value=${tags#*" $1="} && echo "${value%% *}" ;;
    esac
}

# finish passed|failed|skipped
finish() {
    echo "$1" >"$RESULTS/$number"
    [ "$1" = failed ] && [ -n "${KEEP:-}" ] || rm -rf "$here"
    exit 0
}

# run FOLDER PROGRAM...: the command, in FOLDER/files, by the shell that PROGRAM starts
run() {
    folder=$1
    shift
    status=0
    (cd "$folder/files" && exec timeout -k 5 $limit "$@" sh -c "$command") \
        </dev/null >"$folder/stdout" 2>"$folder/stderr" || status=$?
    echo $status >"$folder/status"
    mv "$folder/files/out" "$folder/out"
}

# changes FOLDER BEFORE: which files of FOLDER/files are new, gone or other than they were
changes() {
    diff -rq "$1/files" "$2" | sed "s|$1/files|.|g; s|$2|before|g" >"$1/changes" || true
    rm -rf "$1/files"
}

clean="env -i PATH=$PATH HOME=$TEMP/home LC_ALL=C TZ=UTC GIT_CONFIG_NOSYSTEM=1"

# native FOLDER: a native run. Big files are links: no row may change them (see "touched" in run.sh).
native() {
    rm -rf "$1"
    mkdir -p "$1/files/out"
    find "$DATA" -type f -size -1000k -exec cp -p -t "$1/files" {} +
    find "$DATA" -type f -size +999k -exec ln -t "$1/files" {} +
    run "$1" $clean
    changes "$1" "$DATA"
    rm "$1/stderr"
}

program=$(tag needs)
if [ -n "$program" ] && ! command -v "$program" >/dev/null; then
    echo "skipped: $MODE: $row: no $program here"
    finish skipped
fi

known=$NATIVE/$(echo "$command" | md5sum | cut -c 1-16)
if [ ! -e "$known/status" ]; then
    native "$known.new"
    rm -rf "$known"
    mv "$known.new" "$known"
fi
wanted=$(tag status)
if [ "$(cat "$known/status")" != "${wanted:-0}" ]; then
    echo "FAILED: $MODE: $row"
    echo "    natively its status is $(cat "$known/status")"
    finish failed
fi

# --- the run in question ---------------------------------------------------------

seen=$here/seen
case $MODE_KIND in
native)
    seen=$known.again
    native "$seen"
    : >"$seen/stderr"
    ;;
*)
    mkdir -p "$seen/files/out"
    cp -p "$TEMP/$MODE_KIND"/* "$seen/files"
    board new "$here/board"
    user=
    if [ -n "$MODE_USER" ]; then
        user="setpriv --reuid=$MODE_USER --regid=$(id -g "$MODE_USER") --clear-groups"
        chown -R "$MODE_USER" "$seen/files"
    fi
    preload="LD_PRELOAD=$TEMP/build/libps.so.1"
    [ "$MODE_KIND" != bare ] || preload=
    wrap=$MODE_WRAP
    # a trace for each process: their lines would be torn
    [ -z "$MODE_TRACED" ] || wrap="strace -ff -y -k -qq --seccomp-bpf -e trace=%file,%desc
        -e signal=none -o $here/trace"
    run "$seen" $user $wrap $clean $preload \
        ${MODE_ENGINE:+"PS_ENGINE=$MODE_ENGINE"} "PS_STATS=$here/board" \
        "PS_ALLOW=file://$TEMP/store.$MODE_KIND/"
    changes "$seen" "$TEMP/$MODE_KIND"
    ;;
esac

# --- is it the same? ---------------------------------------------------------------

: >"$problems"
head_of() {
    head -c 600 "$1" | head -n 3 | cut -c 1-200 | cat -v | sed 's/^/      /'
}

if ! cmp -s "$known/status" "$seen/status"; then
    echo "    status $(cat "$seen/status"), natively $(cat "$known/status")" >>"$problems"
    [ "$(cat "$seen/status")" != 124 ] || echo "    hung: killed after $limit s" >>"$problems"
fi
if ! cmp -s "$known/stdout" "$seen/stdout"; then
    {
        cmp "$known/stdout" "$seen/stdout" 2>&1 | sed "s|$known/stdout|native|; s|$seen/stdout|proxied|; s/^/    /"
        echo "    native:"
        head_of "$known/stdout"
        echo "    proxied:"
        head_of "$seen/stdout"
        echo "    difference:"
        diff -a "$known/stdout" "$seen/stdout" | head -n 6 | cut -c 1-200 | cat -v | sed 's/^/      /'
    } >>"$problems"
fi
diff -rq "$known/out" "$seen/out" | sed "s|$known|native|g; s|$seen|proxied|g; s/^/    /" >>"$problems"
diff "$known/changes" "$seen/changes" | grep '^[<>]' | sed 's/^/    files beside it: /' >>"$problems" || true
if grep -aq '^libps:' "$seen/stderr"; then
    grep -a '^libps:' "$seen/stderr" | head -n 5 | sed 's/^/    /' >>"$problems"
fi

# What the board says: that proxies were met, and how much was fetched for them.
share() {
    board show "$here/board" | awk -v most="$(tag lazy)" -v kind="$MODE_KIND" '
        { fetched += $2; size += $3; failures += $6; opens += $7; direct += $8 }
        END {
            if (failures) print "    " failures " requests failed"
            if (!opens && most != "0") print "    no proxy was opened"
            if (kind == "direct" && direct != NR) print "    only " direct + 0 " of " NR " objects were direct"
            if (kind != "direct" && direct) print "    " direct " objects were direct"
            if (most != "" && fetched * 100 > size * most)
                printf "    fetched %d of %d bytes (%.1f %%), at most %s %%\n", fetched, size,
                    fetched * 100 / size, most
        }'
}
case $MODE_KIND in
proxied | direct) share >>"$problems" ;;
esac

if [ -n "$MODE_TRACED" ]; then
    awk -v data="$(ls "$DATA" | tr '\n' ' ')" -f "${0%/*}/unhooked.awk" "${0%/*}/unhooked" \
        "$here"/trace.* | head -n 5 | sed 's/^/    /' >>"$problems"
fi

if [ "$MODE_KIND" = bare ]; then
    # Without libps every row must be seen to fail, or it proves nothing.
    case $tags in
    *" blind "*) [ -s "$problems" ] && finish failed || finish passed ;;
    esac
    [ -s "$problems" ] && finish passed
    echo "FAILED: $MODE: $row"
    echo "    gives the same on a proxy without libps"
    finish failed
fi
[ -s "$problems" ] || finish passed
{
    echo "FAILED: $MODE: $row"
    cat "$problems"
    if [ -s "$seen/stderr" ]; then
        echo "    stderr:"
        head_of "$seen/stderr"
    fi
} >"$here/report"
cat "$here/report"
finish failed
