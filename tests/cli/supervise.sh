# supervise.sh: psctl run of programs that libps can't be preloaded into

# no byte is zero: one that was not fetched shows
mkdir supervised
chmod 755 supervised
python3 -c '
import random
random.seed(7)
open("supervised/object", "wb").write(bytes(random.choices(range(1, 256), k=2500000)))'
supervised=$PWD/supervised
cd supervised || exit 1
far="delay+file://$supervised/object?delay.latency=2ms"
"$psctl" proxy "$far" -o far.psx >/dev/null
"$psctl" proxy object -o near.psx >/dev/null
"$psctl" proxy "fail+$far&fail.after=1M" -o lost.psx >/dev/null
chmod 644 ./*.psx

# --- programs of several kinds, as root and as nobody ---
build_as() { # build_as NAME COMPILER OPTION...
    built=$1
    shift
    if ! "$@" -D_GNU_SOURCE -pthread "$here/supervised.c" -o "$built" 2>"$err"; then
        skip "run of a program built by $*" "$(head -n 1 "$err")"
        return 1
    fi
}
as_root() {
    "$@"
}
users=as_root
! is_root || users='as_root as_nobody'
kinds=
# musl's own headers know no kernel: those of the compiler's libc stand behind them
headers="-idirafter /usr/include -idirafter /usr/include/$(${CC:-gcc} -print-multiarch)"
for kind in "static ${CC:-gcc} -static" "static_pie ${CC:-gcc} -static-pie" \
    "musl musl-gcc $headers" "static_musl musl-gcc -static $headers"; do
    # shellcheck disable=SC2086 # words
    build_as $kind && kinds="$kinds $built"
done
build_as preloaded "${CC:-gcc}"
ways="read pread vectors stat mmap dup dup2 dup3 fcntl again link sendfile message threads forks exec
    few_numbers many flags"
mkdir work
chmod 777 work
for user in $users; do
    for kind in $kinds; do
        for way in $ways; do
            ends "run, supervised, ${user#as_}: $kind, $way" 0 $user env -C work \
                PS_ALLOW="file://$supervised" "$psctl" run -- ../$kind $way ../far.psx ../object
        done
        ends "run, supervised, ${user#as_}: $kind, an object's own file" 0 $user env -C work \
            PS_ALLOW="file://$supervised" "$psctl" run -- ../$kind read ../near.psx ../object
    done
    for kind in $kinds preloaded; do
        ends "run, supervised or not, ${user#as_}: $kind, a URI as a path" 0 $user env -C work \
            PS_ALLOW="file://$supervised" "$psctl" run -- ../$kind uri "$far" ../object
    done
done

# --- programs of others ---
if command -v busybox >/dev/null; then
    bb() {
        "$psctl" run -- busybox "$@"
    }
    for program in cat md5sum 'head -c 700000' 'tail -c 700000' 'wc -c' sort 'grep -c a' 'od -c' 'gzip -c'; do
        # shellcheck disable=SC2086 # words
        bb $program far.psx 2>&1 | sed s/far.psx/object/ >"$out"
        # shellcheck disable=SC2086
        busybox $program object 2>"$err" >wanted
        is "run of busybox $program" cmp "$out" wanted
    done
    for spelling in "$far" "delay+file:/${far#*:///}" "$PWD/delay+file:/${far#*:///}"; do
        bb cat "$spelling" >"$out" 2>"$err"
        is "run of busybox, a URI as a path: ${spelling%"$supervised"*}" cmp "$out" object
        does "run of busybox, asked about: ${spelling%"$supervised"*}" '^2500000$' bb stat -c %s "$spelling"
    done
    run env PS_ALLOW="file://$supervised" "$psctl" run -- busybox cat "${far%\?*}.none"
    is "run of busybox, a URI of what is not there" \
        [ "$status$(cat "$err")" = "1cat: can't open '${far%\?*}.none': No such file or directory" ]
    ends "run of busybox, a URI that is not allowed" 1 bb cat "file://$tmp/home/none"
    is "run of busybox, a URI that is not allowed: as if it were none" \
        [ "$(cat "$err")" = "cat: can't open 'file://$tmp/home/none': No such file or directory" ]
    bb sh -c 'cat <far.psx; cp far.psx copy; exec 7<far.psx; cat <&7; cat copy' >"$out" 2>"$err"
    is "run of a static shell, and what it starts" sh -c 'cat object object object | cmp - "$0"' "$out"
    ends "run of busybox passes the status on" 9 "$psctl" run -- busybox sh -c 'exit 9'
    ends "run of a static program that a signal ends" 143 \
        sh -c '"$0" run -- busybox sh -c "kill -TERM \$\$"; exit $?' "$psctl"
    ends "run --stats of one" 143 "$psctl" run --stats -- busybox sh -c 'kill -TERM $$'
    run "$psctl" run --json -- busybox md5sum far.psx
    is "run --json of a static program counts" grep -q '"fetched": 2500000' "$err"
    is "run --json of a static program that reads has none made whole" grep -q '"whole": 0' "$err"
    run "$psctl" run --json --engine segv -- busybox md5sum far.psx
    is "run --json --engine of a static program counts" grep -q '"fetched": 2500000' "$err"
    run "$psctl" run --json -- busybox sh -c 'md5sum <far.psx'
    is "run --json of a static program counts what was made whole" grep -q '"whole": [1-9]' "$err"
    run "$psctl" run --stats -- busybox sh -c 'md5sum <far.psx'
    is "run --stats says so" grep -q 'made whole [1-9]* times' "$err"
    does "run with a proxy on standard input of a static program" '^2500000$' \
        sh -c '"$0" run -- busybox wc -c <far.psx' "$psctl"
    # below a program that libps is preloaded into, each decides for itself
    digest=$(md5sum <object)
    for shell in dash bash; do
        command -v $shell >/dev/null || continue
        "$psctl" run -- $shell -c 'busybox md5sum far.psx | sed s/far.psx/-/; busybox md5sum <far.psx
            busybox cat far.psx | md5sum; (cat far.psx | busybox md5sum)
            exec busybox sh -c "md5sum <far.psx"' >"$out" 2>"$err"
        is "run of $shell, with static programs below it" \
            [ "$(sort -u "$out")" = "$digest" -a "$(wc -l <"$out")" = 5 -a ! -s "$err" ]
    done
    cat >below.py <<'END'
import os, subprocess, sys
command = ["busybox", "md5sum", "far.psx"]
assert subprocess.run(command, capture_output=True).stdout.startswith(sys.argv[1].encode())
out = os.open("below", os.O_RDWR | os.O_CREAT)
pid = os.posix_spawnp("busybox", command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
assert os.waitpid(pid, 0) == (pid, 0)
assert os.system("busybox md5sum far.psx >>below") == 0
assert os.pread(out, 1000, 0).count(sys.argv[1].encode()) == 2
try:
    subprocess.run(["./none"])
except FileNotFoundError:
    print("as it should be")
END
    does "run of python, with static programs below it" 'as it should be' \
        "$psctl" run -- python3 below.py "${digest%% *}"
    mkfifo -m 777 no_program
    ends "run, supervised: a pipe is no program" 126 timeout 60 "$psctl" run -- \
        busybox sh -c './no_program; exit $?'
    # programs that are proxies themselves: what they stand for decides
    mkdir -p stored proxied
    cp "$(command -v busybox)" stored/busybox
    cp "$(command -v wc)" stored/wc
    printf '#!%s sh\nexec wc -c "$@"\n' "$(command -v busybox)" >stored/script
    for name in busybox wc script; do
        chmod 755 stored/$name
        "$psctl" proxy stored/$name -o proxied/$name >/dev/null
        chmod 755 proxied/$name
    done
    "$psctl" proxy "delay+file://$supervised/stored/busybox" -o far_program >/dev/null
    mkdir -p farther && mv far_program farther/busybox && chmod 755 farther/busybox
    for program in 'proxied/busybox wc -c' 'farther/busybox wc -c' proxied/script 'proxied/wc -c'; do
        does "run of a proxy: $program" '^2500000 far.psx$' "$psctl" run -- ./$program far.psx
        does "run of a shell, with a proxy below it: $program" '^2500000 far.psx$' \
            "$psctl" run -- sh -c "./$program far.psx && exit 0"
        does "run of a shell that becomes a proxy: $program" '^2500000 far.psx$' \
            "$psctl" run -- sh -c "exec ./$program far.psx"
        does "run of a shell, with a proxy below it that reads its input: $program" '^2500000$' \
            "$psctl" run -- sh -c "./$program <far.psx && exit 0"
        for function in posix_spawn posix_spawnp; do
            does "run of python, with a proxy below it, by $function: $program" '^2500000 far.psx$' \
                env PATH="$PWD/proxied:$PATH" "$psctl" run -- python3 -c '
import os, sys
function, path, *words = sys.argv[1:]
if function == "posix_spawnp" and not path.startswith("farther"):
    path = os.path.basename(path)
sys.exit(os.waitpid(getattr(os, function)(path, [path] + words, os.environ), 0)[1])' \
                $function $program far.psx
        done
        run "$psctl" run -- busybox sh -c "./$program far.psx; exit \$?"
        is "run, supervised: a proxy further down is 126: $program" [ $status = 126 -a ! -s "$out" ]
        is "run, supervised: which is said: $program" \
            grep -q "^psctl: can't run ./${program%% *}: it is a proxy" "$err"
    done
    does "run --verbose of a proxy of a static program" 'proxied/busybox is a static program: superv' \
        "$psctl" run --verbose -- proxied/busybox true
    "$psctl" proxy "fail+file://$supervised/stored/busybox?fail.after=1M" -o lost_program >/dev/null
    chmod 755 lost_program
    run "$psctl" run -- ./lost_program true
    is "run of a proxy that is lost" [ $status = 126 -a ! -s "$out" ]
    is "run of a proxy that is lost says so" grep -q "^psctl: can't run ./lost_program: In" "$err"
    ln -s "$(command -v busybox)" basename
    does "run of a shell, with a program that goes by its name" '^x$' \
        "$psctl" run -- sh -c './basename /w/x'
    ends "run of a shell, with a program that a signal ends" 143 "$psctl" run -- \
        sh -c 'busybox sh -c "kill -TERM \$\$"; exit $?'
    does "run of psctl run, supervised" '^2500000 ' "$psctl" run -- busybox sh -c \
        '"$0" run -- busybox wc -c far.psx' "$psctl"
    does "run of psctl run below a supervisor" '^2500000 ' "$psctl" run -- busybox sh -c \
        '"$0" run -- wc -c far.psx' "$psctl"
    mkfifo goes_on
    ends "run, supervised: nobody else keeps its pipes open" 0 timeout 60 sh -c '
        "$0" run -- busybox sh -c "exec >&- 8>&-; read -r _ <goes_on" 8>&1 |
            { cat; echo >goes_on; }' "$psctl"
    does "run, supervised: the environment has libps no more" '^:/lib/none.so:on$' \
        env LD_PRELOAD="$tmp/inst/lib/libps.so.1:/lib/none.so" "$psctl" run -- \
        busybox sh -c 'echo ":$LD_PRELOAD:$PS_SUPERVISOR"'
else
    skip "run of busybox" "not installed"
fi

# --- what can't be had ---
for kind in $kinds; do
    run "$psctl" run -- ./$kind fails lost.psx object
    is "run, supervised: $kind, a lost object is EIO" [ $status = 0 ]
    is "run, supervised: $kind, and said to be lost" grep -q "^libps: .*can't fetch .*\[$kind, pid" "$err"
done
stops "run of a static program with a lost proxy on standard input" 126 'descriptor 0' \
    sh -c '"$0" run -- busybox cat <lost.psx 2>&1 >/dev/null | grep ^psctl >&2; exit 126' "$psctl"
if [ -x static ]; then
    for call in seccomp pidfd_getfd process_vm_readv; do
        stops "run of a static program where $call is not allowed" 126 "can't be supervised here" \
            ./static without $call "$psctl" run -- ./static read far.psx object
        does "run of another where $call is not allowed" '^2500000 ' \
            ./static without $call "$psctl" run -- wc -c far.psx
    done
    if is_root; then
        ends "run, supervised: who can't be looked into gets no proxy" 0 as_nobody \
            env PS_ALLOW="file://$supervised" "$psctl" run -- ./static closed far.psx object
        cp static setuid && chown 65534 setuid && chmod 4755 setuid
        stops "run of a static setuid program" 126 'setuid or setgid' "$psctl" run -- ./setuid
        cp static capable
        if python3 -c 'import os, struct; os.setxattr("capable", "security.capability",
                struct.pack("<IIIII", 0x02000001, 1 << 13, 0, 0, 0))' 2>/dev/null; then
            ends "run of a program with capabilities" 0 as_nobody env -C work \
                PS_ALLOW="file://$supervised" "$psctl" run -- ../capable read ../far.psx ../object
        else
            skip "run of a program with capabilities" "this file system has none"
        fi
        run "$psctl" run -- busybox sh -c \
            '"$0" --reuid=65534 --regid=65534 --clear-groups busybox cat far.psx' "$(command -v setpriv)"
        is "run, supervised: another user gets no proxy" [ $status = 1 -a ! -s "$out" ]
        is "run, supervised: which is said" grep -q '^psctl: .* another user' "$err"
        mkdir -p root/bin
        cp "$(command -v busybox)" root/bin
        cp far.psx root
        does "run, supervised: in another root" '^2500000 ' \
            "$psctl" run -- busybox chroot root /bin/busybox wc -c /far.psx
    fi
    cp ../program32 .
    run "$psctl" run -- busybox sh -c './program32; exit $?'
    is "run, supervised: a 32-bit program further down is 126" [ $status = 126 ]
    is "run, supervised: which is said" grep -q "^psctl: can't run .*32-bit" "$err"
fi

# more than PS_MEMORY holds
python3 -c '
import random
random.seed(8)
block = bytes(random.choices(range(1, 256), k=1 << 20))
with open("large", "wb") as f:
    for i in range(48):
        f.write(block[i * 7:] + block[:i * 7])'
"$psctl" proxy "delay+file://$supervised/large?delay.latency=10us" -o large.psx >/dev/null
for kind in $kinds; do
    ends "run, supervised: $kind, with little memory" 0 \
        env PS_MEMORY=16M "$psctl" run -- ./$kind read large.psx large
    ends "run, supervised: $kind, all of it with little memory" 0 \
        env PS_MEMORY=16M "$psctl" run -- ./$kind mmap large.psx large
done

does "run --verbose of a static program" 'static program: supervised' \
    "$psctl" run --verbose -- busybox true
does "run --force of a static program" '^4093 ' "$psctl" run --force -- busybox wc -c far.psx
does "run --verbose of another" 'preloaded' "$psctl" run --verbose -- true
ends "run, supervised, at a terminal: Control-C meets the program, once" 0 \
    python3 "$here/control_c.py" "$psctl" busybox
"$psctl" run -- busybox sh -c 'echo $$ >pid; exec sleep 60' &
runner=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ -s pid ] && break
    sleep 0.3
done
supervisor=$(cut -d' ' -f4 "/proc/$(cat pid)/stat")
kill -9 $runner
wait $runner 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$supervisor" 2>/dev/null || break
    sleep 0.3
done
is "run, supervised: psctl is killed, and the program and the supervisor end" \
    sh -c '! kill -0 "$(cat pid)" && ! kill -0 "$0"' "$supervisor"
rm pid
if [ -x static ]; then
    "$psctl" run -- busybox sh -c 'echo $$ >pid; cat far.psx; sleep 30; cat far.psx' >"$out" 2>"$err" &
    runner=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(wc -c <"$out")" = 2500000 ] && break
        sleep 0.3
    done
    supervisor=$(cut -d' ' -f4 "/proc/$(cat pid)/stat")
    kill -9 "$supervisor"
    wait $runner
    status=$?
    is "run: the supervisor is killed, and the program with it" [ $status = 137 ]
    is "run: which is said" grep -q '^psctl: the supervisor of .* was killed' "$err"
    is "run: and no byte is wrong" cmp "$out" object
fi
if command -v go >/dev/null; then
    cp "$here/supervised.go" .
    if GOCACHE=$tmp/go GO111MODULE=off CGO_ENABLED=0 go build -o go_program supervised.go 2>"$err"; then
        for user in $users; do
            does "run of a Go program, ${user#as_}" '^same$' $user env \
                PS_ALLOW="file://$supervised" "$psctl" run -- ./go_program far.psx object
        done
    else
        not_ok "run of a Go program"
    fi
else
    skip "run of a Go program" "no Go here"
fi
cd ..
