# local.sh: the rows of this machine alone; sourced by run.sh

program_seconds=8
start_seconds=1.2
starts=5
demos=3

# --- data -----------------------------------------------------------------------------

make_objects() {
    [ ! -e native ] || return 0
    head -c 134217728 /dev/urandom >native || stop "no data"
    "$psctl" put native -o lazy.psx --store "file://$data/store?direct=0" >"$temp/out" ||
        stop "no object"
    "$psctl" proxy native -o direct.psx >"$temp/out" || stop "no proxy"
}
make_db() {
    "$here/../examples/make_db.sh" db 200000 || stop "no database"
}
# 4 x 2000 files, older than the index that will know them: else git reads them again
make_tree() {
    [ ! -e tree ] || return 0
    mkdir tree tree/0 tree/1 tree/2 tree/3 || stop "no folders"
    awk 'BEGIN {
        for (i = 0; i < 8000; i++) {
            file = sprintf("tree/%d/file-%04d", i % 4, i)
            for (j = 0; j < 20 + i % 80; j++)
                printf "line %d of file %d, as long as lines of sources are\n", j, i >file
            close(file)
        } }' || stop "no files"
    find tree -type f -exec touch -d 2001-01-01 {} +
}
make_repository() {
    make_tree
    git -C tree init -q || stop "no repository"
    git -C tree add . || stop "no index"
    git -C tree -c user.name=bench -c user.email=bench@localhost commit -qm bench ||
        stop "no commit"
    echo changed >tree/0/file-0000
    echo new >tree/new
}

# --- what is measured -----------------------------------------------------------------

# program MAKE COMMAND...: its time, preloaded, without a proxy; it must give the same answer
program() {
    "$1"
    shift
    "$@" >native.out 2>&1 || stop "$1 fails"
    LD_PRELOAD=$lib "$@" >preloaded.out 2>&1
    if ! cmp -s native.out preloaded.out; then
        not_measured "preloaded, it gives another answer"
        return
    fi
    rm -f native.out preloaded.out
    measure 1 "$bin/pair" "$program_seconds" "$@" -- LD_PRELOAD="$lib" "$@" || return
    row ratio x '<=' 1.01 \
        "$(word pairs 0) pairs; natively $(word first 1) ms; by wall time $(word wall 3)"
}

execution() {
    measure 1 "$bin/pair" "$program_seconds" /bin/true -- LD_PRELOAD="$lib" /bin/true || return
    row more ms '<' 0.100 \
        "$(word pairs 0) pairs; natively $(word first 2) ms; by wall time $(word wall_more 3)"
}

# calls N [FLAG...]: how many system calls a program makes that makes N preads
calls() {
    number=$1
    shift
    strace -f -o "$temp/calls" "$@" "$bin/pread_plain" count native "$number" &&
        wc -l <"$temp/calls"
}
count_more() {
    with=$(calls 1000 -E LD_PRELOAD="$lib") && with_none=$(calls 0 -E LD_PRELOAD="$lib") &&
        without=$(calls 1000) && without_none=$(calls 0) &&
        echo "calls=$((with - with_none - without + without_none))"
}
pread_calls() {
    make_objects
    measure 1 count_more || return
    row calls '' '<=' 0 "in 1000 calls, seen by strace"
}
pread_time() {
    make_objects
    measure "$starts" env LD_PRELOAD="$lib" "$bin/pread_plain" time native "$start_seconds" || return
    row more ns '<' 5.0 \
        "$starts starts, $(word pairs 0) pairs of 1000 calls; natively $(word first 0) ns"
}

# supervised NAME UNIT TARGET: calls of a program that libps can't be preloaded into
supervised() {
    make_objects
    measure "$starts" "$bin/supervised" "$psctl" native lazy.psx 0.4 || return
    row "$1" "$2" '<' "$3" "$starts starts; a native pread of 4 KiB $(word native 2) us; by wall time"
}

make_text() {
    [ ! -e text.psx ] || return 0
    seq -f 'line %.0f of a text, which is as long as lines of texts may be' 200000 >text || stop "no text"
    "$psctl" put text -o text.psx --store "file://$data/store?direct=0" >"$temp/out" ||
        stop "no object"
}
small() { # small CALL TARGET
    make_text
    measure "$starts" env LD_PRELOAD="$lib" "$bin/small" "$1" text.psx text "$start_seconds" || return
    row ratio x '<' "$2" "$starts starts, $(word pairs 0) pairs; natively $(
        word native 0) ns; by wall time $(word wall 2)"
}

speed() { # speed RELATION TARGET DRIVER ARGUMENT...
    make_objects
    relation=$1 target=$2 driver=$3
    shift 3
    measure "$starts" env LD_PRELOAD="$lib" "$bin/$driver" "$@" "$start_seconds" || return
    row speed x "$relation" "$target" "$starts starts, $(word pairs 0) pairs; natively $(
        word native 1) GB/s; by wall time $(word wall 3)"
}

# Objects of the memory backend, which computes their bytes. The engine is said by its name, and
# one that does not work here is a row that is not measured.
lazily() { # lazily ENGINE COMMAND...
    engine=$1
    shift
    env PS_ENGINE="$engine" PS_ALLOW=memory://bench/ PS_CONFIG=/dev/null "$@"
}
first_touch() { # first_touch ENGINE TARGET [COMMAND...]: run by the command
    make_objects
    engine=$1 target=$2
    shift 2
    measure "$starts" "$@" "$bin/floor" "$engine" 4000 || return
    least=$(word floor 1)
    measure "$starts" lazily "$engine" "$@" "$bin/touch" 'memory://bench/k?computed=128M' native \
        4000 || return
    row lazy us '<=' "$target" \
        "$starts starts, $(word pairs 0) pairs; least $least us; a native fault $(word native 1) us"
}
together() { # together ENGINE
    measure 1 lazily "$1" "$bin/touchers" memory://bench/k '?computed=256M' 256 4 8000 15 || return
    row throughput x '>=' 1.5 "$(word pairs 0) pairs; one thread every $(word one 1) us"
}
first_scan() { # first_scan ENGINE
    measure 1 lazily "$1" "$bin/first_scan" 2048 7 || return
    row speed x '>=' 0.45 "$(word pairs 0) pairs; natively $(word native 1) GB/s"
}
first_strided() { # first_strided ENGINE
    measure 1 lazily "$1" env PS_BACKEND_PATH="$build/libps" "$bin/first_strided" \
        delay+memory://bench/k '?computed=64M&delay.latency=1ms&delay.bandwidth=1G' 1000 16 5 || return
    row speed x '>=' 3.0 "$(word pairs 0) pairs; without $(word without 0) us each"
}
pressure() { # pressure ENGINE
    make_objects
    measure 1 lazily "$1" env PS_MEMORY=16M "$bin/pressure" \
        'memory://bench/k?computed=128M' native 32768 9 || return
    row speed x '>=' 0.15 \
        "$(word pairs 0) pairs; natively $(word native 0) MB/s; $(word over 1) MiB over the limit"
}
many_maps() { # many_maps ENGINE
    measure "$starts" lazily "$1" "$bin/maps" 'memory://bench/k?computed=1G' 10000 || return
    row each us '<' 40.0 \
        "$starts starts; $(word create 0) to create, $(word touch 0) to touch, $(word unmap 0) to unmap"
}
own_memory() { # own_memory ENGINE
    measure 1 lazily "$1" "$bin/own" 'memory://bench/k?computed=1G' || return
    row part % '<' 0.10 "$(word idle 0) KiB before, $(word busy 0) while, $(word rest 0) after 1 GiB"
}

# run_demo: the first job of its table, as words
run_demo() {
    "$here/../examples/demo.sh" "$build" >"$temp/demo.out" || return
    sed -n 's/^sqlite3, one id.* \([0-9.]*\)x .* \([0-9.]*\)%  yes$/sooner=\1 part=\2/p' \
        "$temp/demo.out" | grep . || {
        echo "the demo's table has no such job" >&2
        return 1
    }
}
demo() { # demo NAME UNIT RELATION TARGET: two rows, of the same runs
    if [ ! -e "$temp/demo" ]; then
        measure "$demos" run_demo || return
        echo "$words" >"$temp/demo"
    fi
    words=$(cat "$temp/demo")
    row "$@" "$demos runs"
}
