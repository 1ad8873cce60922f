# program.sh: psctl run
"$psctl" put a.txt >/dev/null
seq 100000 >folder/huge
"$psctl" proxy "delay+file://$tmp/w/folder/huge?delay.latency=1ms" -o slow.psx >/dev/null

does "run shows the object" '^200000$' "$psctl" run -- cat a.txt.psx
is "run shows all of it" cmp -s "$out" a.txt
does "run without --" '^200000$' "$psctl" run tail -n 1 a.txt.psx
ends "run leaves the options of the program alone" 0 "$psctl" run head --lines=1 a.txt.psx
ends "run passes the status on" 7 "$psctl" run -- sh -c 'exit 7'
ends "run --stats passes the status on" 7 "$psctl" run --stats -- sh -c 'exit 7'
ends "run of a program that a signal ends" 143 sh -c '"$0" run -- sh -c "kill -TERM \$\$"; exit $?' "$psctl"
ends "run --stats of a program that a signal ends" 143 "$psctl" run --stats -- sh -c 'kill -TERM $$'
does "run keeps what is preloaded already" 'libps.so.1:/lib/none.so$' \
    sh -c 'LD_PRELOAD=/lib/none.so "$0" run -- sh -c "echo \$LD_PRELOAD"' "$psctl"
does "run --engine sets PS_ENGINE" '^segv$' "$psctl" run --engine segv -- sh -c 'echo $PS_ENGINE'
misuse "run with an unknown engine" 'engine "steam"' "$psctl" run --engine steam -- true

# the user's own modules come before those of libps, and don't hide them
mkdir modules
does "run with another folder of modules has those of libps" '^100000$' \
    env PS_BACKEND_PATH="$PWD/modules" "$psctl" run -- tail -n 1 slow.psx
echo 'no module' >modules/libps-backend-delay.so
ends "run with another folder of modules takes its own first" 1 \
    env PS_BACKEND_PATH="$PWD/modules" "$psctl" run -- cat slow.psx

misuse "run with an unknown engine, and a proxy on standard input" 'engine "steam"' \
    sh -c '"$0" run --engine steam -- cat <a.txt.psx' "$psctl"
does "run with a proxy on standard input" '^200000$' sh -c '"$0" run -- tail -n 1 <a.txt.psx' "$psctl"
does "info of a proxy on standard input" 'size: *1288895' sh -c '"$0" info /dev/stdin <a.txt.psx' "$psctl"
ends "run --stats where SIGCHLD is ignored" 7 \
    env --ignore-signal=CHLD "$psctl" run --stats -- sh -c 'exit 7'
does "run --stats leaves SIGCHLD to the program as it was" 'SigIgn:.*[13579bdf]....$' \
    env --ignore-signal=CHLD "$psctl" run --stats -- grep SigIgn /proc/self/status

# --- what was counted ---
run "$psctl" run --stats -- cat slow.psx
is "run --stats leaves stdout to the program" cmp -s "$out" folder/huge
is "run --stats names the object" grep -q '^delay+file:.*huge' "$err"
is "run --stats has a total" grep -q '^total of 1 ' "$err"
run "$psctl" run --stats -- true
is "run --stats says when no proxy was met" grep -q 'met no proxy' "$err"
run "$psctl" run --json -- cat slow.psx
is "run --json is JSON" is_json "$err"
is "run --json counts all bytes" python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
record = report["objects"][0]
assert record["size"] == record["fetched"] == 588895, record
assert record["requests"] >= 1 and record["opens"] >= 1 and not record["direct"]
assert record["resident"] == 588895 and record["stalls"] >= 1 and record["stall_p50_ns"] > 0
assert report["total"]["fetched"] == 588895 and report["status"] == 0' "$err"
run "$psctl" run --json -- sh -c 'cat a.txt.psx | wc -l; cat slow.psx >copy; exit 3'
is "run --json counts what all its processes met" python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
assert len(report["objects"]) == 2 and report["status"] == 3' "$err"
is "run --json marks what was opened directly" grep -q '"direct": true' "$err"

# touches and reads one at a time, far apart: each waits for a whole request
"$psctl" proxy "delay+file://$tmp/w/folder/huge?delay.latency=20ms" -o slower.psx >/dev/null
cat >touch.py <<'END'
import mmap, os, sys
f = open(sys.argv[1], "rb")
for at in 400000, 200000:
    os.pread(f.fileno(), 100, at)
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
for at in 500000, 10, 300000:
    m[at]
END
cat >counted.py <<'END'
import json, sys
report = json.load(open(sys.argv[1]))
engine = sys.argv[2]
record, total, engines = report["objects"][0], report["total"], report["engines"]
assert record["requests"] == 5 and record["faults"] == 3, record
# that of the last touch may end with the process, when its bytes were there already
assert 4 <= record["stalls"] <= 5 and record["fetched"] == 5 * 4096 == record["resident"], record
assert record["stalled_ns"] >= 4 * 20000000, record
assert 20000000 <= record["stall_p50_ns"] <= record["stall_p99_ns"], record
for key in total:
    assert key == "objects" or total[key] == record[key], key
assert sorted(engines) == ["segv", "uffd", "uffd-user"], engines
assert engines[engine]["events"] >= 3, engines
assert all(engines[other]["events"] == 0 for other in engines if other != engine), engines
if engine != "segv":
    assert 1 <= engines[engine]["batches"] <= engines[engine]["events"], engines
    assert engines[engine]["wakeups"] <= engines[engine]["batches"], engines
END
for engine in uffd uffd-user segv; do
    if PS_ENGINE=$engine "$psctl" doctor >/dev/null 2>&1; then
        run "$psctl" run --json --engine $engine -- python3 touch.py slower.psx
        is "run --json, $engine: how long was waited, and for what" python3 counted.py "$err" $engine
        run "$psctl" run --stats --engine $engine -- python3 touch.py slower.psx
        is "run --stats, $engine: says how much it did" grep -q "^engine $engine: . events" "$err"
    else
        skip "run --json, $engine" "does not work here"
    fi
done

# --- what waited ---
cat >waits.c <<'END'
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) static int look_at(const volatile char *byte) { return *byte; }
__attribute__((noinline)) static int scan_mesh(const volatile char *mesh)
{
    return look_at(mesh + 500000) + look_at(mesh + 200000) + 1;
}
__attribute__((noinline)) static long load_mesh(int fd)
{
    char bytes[100];
    return pread(fd, bytes, sizeof(bytes), 400000) + 1;
}
int main(int argc, char **argv)
{
    int fd = open(argv[argc - 1], O_RDONLY), status = 1;
    load_mesh(fd);
    if (fork() == 0)
        return scan_mesh(mmap(0, 588895, PROT_READ, MAP_PRIVATE, fd, 0)) == 0;
    wait(&status);
    return status;
}
END
cat >profiled.py <<'END'
import sys, xml.dom.minidom
waits = {}
for line in open(sys.argv[1] + ".folded"):
    stack, time = line.rsplit(" ", 1)
    waits[stack] = int(time)
# 20 ms each; a touch whose end was not seen before its process ended counts nowhere
for end, least in (";main;load_mesh;huge", 20000), (";main;scan_mesh;look_at;huge", 20000):
    assert [time for stack, time in waits.items() if stack.endswith(end) and time >= least], waits
svg = xml.dom.minidom.parse(sys.argv[1] + ".svg").documentElement
assert svg.tagName == "svg" and svg.hasAttribute("width")
titles = [node.firstChild.data for node in svg.getElementsByTagName("title")]
for words in "4096 bytes at 397312", "main;load_mesh", "main;scan_mesh;look_at":
    assert [title for title in titles if words in title], titles
END
cc -g -O1 waits.c -o waits || not_ok "a program that waits compiles"
for engine in uffd uffd-user segv; do
    if PS_ENGINE=$engine "$psctl" doctor >/dev/null 2>&1; then
        ends "run --profile, $engine" 0 "$psctl" run --profile=prof --engine $engine -- ./waits slower.psx
        is "run --profile, $engine: says where it was waited" grep -q 'look_at from scan_mesh from main' "$err"
        is "run --profile, $engine: stacks and picture" python3 profiled.py prof
        rm -f prof.*
    else
        skip "run --profile, $engine" "does not work here"
    fi
done
strip waits
"$psctl" run --profile -- ./waits slower.psx >"$out" 2>"$err"
is "run --profile of a stripped program has offsets" grep -q 'waits+0x[0-9a-f]*;huge ' psctl-profile.folded
ends "run --profile passes the status on" 7 "$psctl" run --profile -- sh -c 'exit 7'
is "run --profile says when nothing was waited for" grep -q 'waited for no data' "$err"
mkdir own-tmp
TMPDIR=$PWD/own-tmp "$psctl" run --profile -- ./waits slower.psx >"$out" 2>"$err"
is "run --profile leaves nothing else" rmdir own-tmp
stops "run --profile into a folder that is not there" 1 "can't be made" "$psctl" run --profile=none/prof -- true

# --- who met a failure, in a language whose linker names are not the program's ---
cat >meets.cc <<'END'
#include <fcntl.h>
#include <unistd.h>
#include <string>
namespace mesh {
struct Reader {
    int fd;
    __attribute__((noinline)) long load(long at, char *bytes) { return pread(fd, bytes, 10, at) + 1; }
};
}
int main(int, char **argv)
{
    char bytes[10];
    std::string path = argv[1];
    mesh::Reader reader = {open(path.c_str(), O_RDONLY)};
    return (int)reader.load(400000, bytes);
}
END
"$psctl" proxy "fail+file://$tmp/w/folder/huge?fail.mode=error" -o fails.psx >/dev/null
if ${CXX:-c++} -g -O1 meets.cc -o meets 2>/dev/null; then
    does "a failure names functions of C++" ' in mesh::Reader::load(long, char\*) (meets.cc:7) from main (meets.cc:' \
        "$psctl" run -- ./meets fails.psx
else
    skip "a failure names functions of C++" "no C++ compiler"
fi

# --- signals to psctl itself ---
sleeper=$tmp/sleeper
printf '#!/bin/sh\necho $$ >%s\nexec sleep 60\n' "$tmp/pid" >"$sleeper"
chmod +x "$sleeper"
"$psctl" run --stats -- "$sleeper" >"$out" 2>"$err" &
runner=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -s "$tmp/pid" ] && break
    sleep 0.2
done
kill -TERM $runner
wait $runner
is "run --stats passes a signal on" [ $? = 143 ]
is "run --stats leaves no process behind" sh -c '! kill -0 "$(cat "$0")" 2>/dev/null' "$tmp/pid"
is "run --stats still reports" grep -q 'met no proxy' "$err"

ends "run --stats at a terminal: Control-C meets the program, once" 0 \
    python3 "$here/control_c.py" "$psctl"

# --- what can't be run ---
stops "run of a missing program" 127 'no such program' "$psctl" run -- no-such-program
stops "run of a missing path" 127 'No such file' "$psctl" run -- ./no-such-program
stops "run of a missing program with --stats" 127 'no such program' "$psctl" run --stats -- no-such
stops "run of a file that is no program" 126 'Permission denied' "$psctl" run -- ./a.txt
stops "run of a folder" 126 'directory' "$psctl" run -- ./folder
mkfifo -m 777 pipe
stops "run of a pipe" 126 'Permission denied' timeout 60 "$psctl" run -- ./pipe
printf '#!/no/such/interpreter -x\n' >bad_script
printf 'echo from a shell, $1\n' >plain_script
printf '#!%s\n' "$PWD/bad_script" >bad_chain
chmod +x bad_script plain_script bad_chain
stops "run of a script whose interpreter is missing" 127 '/no/such/interpreter' \
    "$psctl" run -- ./bad_script
stops "run of a script of such a script" 127 '/no/such/interpreter' "$psctl" run -- ./bad_chain
printf '#!%s\n' "$PWD/a.txt" >closed_script
chmod +x closed_script
stops "run of a script whose interpreter is no program" 126 'Permission denied' \
    "$psctl" run -- ./closed_script
for shell in dash bash 'busybox sh' env; do
    command -v ${shell%% *} >/dev/null || continue
    words='-c ./bad_script;exit'
    [ "$shell" != env ] || words=./bad_script
    # shellcheck disable=SC2086 # words
    ends "run of $shell, which runs such a script: 127, and a line" 127 "$psctl" run -- $shell $words
    is "run of $shell, which runs such a script: one line" [ "$(grep -c bad_script "$err")" = 1 ]
done
does "run of a script without a first line" 'from a shell, yes' "$psctl" run -- ./plain_script yes
misuse "run without a program" 'program is missing' "$psctl" run
misuse "run with an unknown option" 'unknown option --fast' "$psctl" run --fast -- true

# --- what can't be preloaded ---
printf '\177ELF\1\1\1\0\0\0\0\0\0\0\0\0%4096s' '' >program32
chmod +x program32
stops "run of a 32-bit program" 126 '32-bit' "$psctl" run -- ./program32
printf '\177ELF\2\1\1\0' >cut_elf
chmod +x cut_elf
ends "run of a damaged program" 126 "$psctl" run -- ./cut_elf
mkdir 'in bin'
cp "$tmp/inst/bin/psctl" "$tmp/inst/lib/libps.so.1" 'in bin'
fails "run from a folder whose name has a space" "can't be preloaded" './in bin/psctl' run -- true
rm -r 'in bin'
