# mount.sh: psctl run --mount, and PS_MOUNT: stores as folders
mkdir mounts mounts/there mounts/work && cd mounts || exit 1
mounts=$PWD
chmod 777 work
seq 30000 >one
seq 70000 >'two words'
for key in one 'two words'; do
    "$psctl" put "$key" -o p.psx --store "file://$mounts/store?direct=0" --key "$key" >/dev/null
done
sqlite3 db "create table t(a); insert into t values('in a store')"
"$psctl" put db -o p.psx --store "file://$mounts/store?direct=0" --key db.sqlite >/dev/null
chmod -R a+rX "$mounts"
store="file://$mounts/store?direct=0"
size=$(stat -c %s one)
user_home=$mounts/work/home
mkdir "$user_home"
chmod 777 "$user_home"

# mounted USER ENGINE FOLDER COMMAND...: by a user whose configuration has none of it
mounted() {
    user=$1 engine=$2 folder=$3
    shift 3
    run "$user" env -C work HOME="$user_home" PS_ENGINE="$engine" "$psctl" run --mount "$folder=$store" -- "$@"
}
shows() { # shows NAME: what mounted printed is $wanted, and nothing was said
    is "$1" [ "$status$(cat "$out" "$err")" = "0$wanted" ]
}

# A folder that is there, one that only root may make, and one in a folder of root's that has others.
mkdir -p locked/other locked/folder
echo mine >locked/other/file
ln -s other/file locked/link
echo mine >locked/plain
for user in $users; do
    for folder in "$mounts/there" "$mounts/locked/new/deep" "/psctl-mount-$$/data"; do
        # as root it would be made in the root folder of this machine, and stay
        [ "$user" != as_root ] || [ "${folder#"$mounts"}" != "$folder" ] || continue
        for engine in uffd-user segv; do
            [ "$user$engine" != as_nobodyuffd-user ] || [ "$folder" = "$mounts/there" ] || continue
            kind="${user#as_}, $engine, ${folder#"$mounts/"}"
            mounted $user $engine "$folder" sh -c 'ls "$0"; cd "$0" && echo *' "$folder"
            wanted='db.sqlite
one
two words
db.sqlite one two words'
            shows "mount: ls and glob, $kind"
            mounted $user $engine "$folder" cat "$folder/two words"
            is "mount: cat, $kind" cmp -s "$out" 'two words'
            mounted $user $engine "$folder" find "$folder" -type f -size "${size}c" -printf '%f %s\n'
            wanted="one $size"
            shows "mount: find by size, $kind"
            mounted $user $engine "$folder" python3 -c 'import mmap, os, sys
folder = sys.argv[1]
for name in sorted(os.listdir(folder)):
    file = open(os.path.join(folder, name), "rb")
    print(name, len(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:]) == os.path.getsize(file.name), end=" ")
print(os.path.realpath(folder + "/../" + os.path.basename(folder) + "/one") == folder + "/one", os.getuid() == os.stat(folder).st_uid)' "$folder"
            wanted='db.sqlite True one True two words True True True'
            shows "mount: python3, $kind"
            mounted $user $engine "$folder" sqlite3 "$folder/db.sqlite" 'select * from t'
            wanted='in a store'
            shows "mount: sqlite3, $kind"
            mounted $user $engine "$folder" sh -c 'for each in "$0/new" "$0/one"; do echo x 2>/dev/null >"$each" && echo written
                done; rm -f "$0/one" 2>/dev/null || pwd; echo x >file && cat file && rm file' "$folder"
            wanted="$mounts/work
x"
            shows "mount: is not to be written, its neighbours are, $kind"
            if command -v busybox >/dev/null; then
                mounted $user $engine "$folder" busybox sh -c 'cd "$0" && ls && cat one && stat -c %s one' "$folder"
                is "mount: a static program, $kind" sh -c '(printf "db.sqlite\none\ntwo words\n"; cat one; stat -c %s one) | cmp -s - "$0"' "$out"
            fi
        done
    done
    mounted $user segv "$mounts/locked/over" sh -c 'cd .. && cat locked/other/file locked/link locked/plain && ls locked | tr "\n" " "'
    wanted='mine
mine
mine
folder link new other over plain '
    [ "$user" = as_root ] || shows "mount: what a covered folder had is there, ${user#as_}"
    run $user env -C work HOME="$user_home" "$psctl" run --json --mount "$mounts/there=$store" -- cat "$mounts/there/one"
    is "mount: --json counts, ${user#as_}" grep -q '"opens": 1,' "$err"
    if command -v busybox >/dev/null; then
        run $user env -C work HOME="$user_home" "$psctl" run --json --mount "$mounts/there=$store" -- \
            busybox cat "$mounts/there/one"
        is "mount: --json counts of a static program, ${user#as_}" grep -q "\"fetched\": $size" "$err"
    fi
    run $user env -C work HOME="$user_home" "$psctl" run --mount "$mounts/there=$store" -- \
        "$psctl" run --mount "$mounts/locked/folder=$mounts/store" -- \
        cat "$mounts/there/one" "$mounts/locked/folder/two words"
    is "mount: below a mount, ${user#as_}" sh -c 'cat one "two words" | cmp -s - "$0"' "$out"
    [ "$user" = as_root ] || does "mount: two covers of one folder, ${user#as_}" '^30000$' \
        $user env -C work HOME="$user_home" "$psctl" run --mount "/psctl-mount-$$=$store" -- \
        "$psctl" run --mount "/psctl-mount-$$.other=$store" -- tail -n 1 "/psctl-mount-$$/one" "/psctl-mount-$$.other/one"
done
is "mount: nobody else sees what is mounted" [ -z "$(ls there)" ]
is "mount: nor a folder for it" [ ! -e "/psctl-mount-$$" ]
is "mount: no folder stays in /tmp" sh -c '! ls -d /tmp/psctl-??????'

# --- one over another ---
# Who would get a name and no bytes gets nothing.
mkdir -p over/sub
"$psctl" put one -o p.psx --store "file://$mounts/over/store" --key one >/dev/null
chmod -R a+rX over
ln -s over/store link
for user in $users; do
    for own in "file://$mounts/over/store" "$mounts/over/store" "file://$mounts/link" \
        "delay+file://$mounts/over/store"; do
        for folder in over/store over link; do
            stops "mount over its own files, ${user#as_}, ${own%"$mounts"*}${own##*/} on $folder" 126 'its own files' \
                $user env HOME="$user_home" "$psctl" run --mount "$mounts/$folder=$own" -- ls "$mounts/$folder"
        done
    done
    stops "mount over the files of another, ${user#as_}" 126 "can't mount file:.*over/store: its own files" \
        $user env HOME="$user_home" "$psctl" run --mount "$mounts/there=file://$mounts/over/store" \
        --mount "$mounts/over/store=$store" -- ls "$mounts/there"
    stops "mount over another, ${user#as_}" 126 'over/sub: another' $user env HOME="$user_home" "$psctl" run \
        --mount "$mounts/over/sub=$store" --mount "$mounts/over=$store" -- ls "$mounts/over/sub"
    stops "mount in another, ${user#as_}" 126 "can't mount on .*over/sub:" $user env HOME="$user_home" "$psctl" run \
        --mount "$mounts/over=$store" --mount "$mounts/over/sub=$store" -- ls "$mounts/over/sub"
    stops "mount twice on one folder, ${user#as_}" 126 'another' $user env HOME="$user_home" "$psctl" run \
        --mount "$mounts/there=$store" --mount "$mounts/./there=$store" -- ls "$mounts/there"
    mkdir -p work/kept
    for folder in work/new/deep work/kept/new; do
        stops "mount on a new folder, and in it, ${user#as_}, $folder" 126 "can't mount on" \
            $user env HOME="$user_home" "$psctl" run --mount "$mounts/$folder=$store" \
            --mount "$mounts/$folder/deeper=$store" -- ls "$mounts"
        stops "mount on a new folder, and where it can't be, ${user#as_}, $folder" 126 "can't mount on" \
            $user env HOME="$user_home" "$psctl" run --mount "$mounts/$folder=$store" \
            --mount "$mounts/one=$store" -- ls "$mounts"
    done
    is "mount that failed leaves the folders that were there, and no others, ${user#as_}" \
        [ "$(cd work && echo * kept/*)" = 'home kept kept/*' ]
    does "mount beside its files, ${user#as_}" '^30000$' $user env HOME="$user_home" "$psctl" run \
        --mount "$mounts/over/sub=file://$mounts/over/store" -- tail -n 1 "$mounts/over/sub/one"
done

# --- the working folder ---
mkdir closed
chmod 700 closed
in_closed() {
    (cd closed && "$@")
}
in_gone() {
    (mkdir gone && cd gone && rmdir ../gone && "$@")
}
for user in $users; do
    does "mount over the working folder, ${user#as_}" '^30000$' $user env -C there HOME="$user_home" \
        "$psctl" run --mount "$mounts/there=$store" -- tail -n 1 one
    does "mount in a working folder that can't be entered, ${user#as_}" '^30000$' in_closed \
        $user env HOME="$user_home" "$psctl" run --mount "$mounts/there=$store" -- tail -n 1 "$mounts/there/one"
    does "mount in a working folder that is gone, ${user#as_}" '^30000$' in_gone \
        $user env HOME="$user_home" "$psctl" run --mount "$mounts/there=$store" -- tail -n 1 "$mounts/there/one"
    [ "$user" = as_root ] || stops "mount with a cover, and no way back" 126 'working folder: Permission' \
        in_closed $user env HOME="$user_home" \
        "$psctl" run --mount "/psctl-mount-$$/data=$store" -- echo printed
done

# --- by a variable ---
run env PS_MOUNT="$mounts/there=$store $mounts/locked/folder=$mounts/store" "$psctl" run -- \
    sh -c 'cat "$0/there/one" "$0/locked/folder/one"; echo "$PS_MOUNT"' "$mounts"
is "PS_MOUNT, two" sh -c '(cat one one; echo) | cmp -s - "$0"' "$out"
cp -r store 'a store'
does "mount of a folder with a blank" '^30000$' env HOME="$user_home" "$psctl" run --mount "$mounts/there=$mounts/a store" -- \
    tail -n 1 "$mounts/there/one"
libps=$tmp/inst/lib/libps.so.1
by_hand() {
    env LD_PRELOAD="$libps" PS_MOUNT="$mounts/there=$store" "$@"
}
run by_hand cat there/one
is "PS_MOUNT, preloaded by hand" cmp -s "$out" one
run by_hand bash -c 'exec -a name sh -c "cut -c 1-4 /proc/\$\$/cmdline; echo \"\$1,\$2,\$PS_MOUNT\"" x "a b" c'
is "PS_MOUNT, preloaded by hand: name and arguments stay" [ "$(tr '\n' ' ' <"$out")" = 'name a b,c, ' ]
does "PS_MOUNT, preloaded by hand: standard input stays" '^70000$' \
    sh -c 'LD_PRELOAD=$0 PS_MOUNT=$1 tail -n 1 <"two words"' "$libps" "$mounts/there=$store"
ends "PS_MOUNT, preloaded by hand: the status is the program's" 7 by_hand sh -c 'exit 7'
does "PS_MOUNT with PS_DISABLE=1 is nothing" '^0$' sh -c 'PS_DISABLE=1 LD_PRELOAD=$0 PS_MOUNT=$1 ls there | wc -l' "$libps" "$mounts/there=$store"
ends "mount where SIGCHLD is ignored" 0 env --ignore-signal=CHLD "$psctl" run --mount "$mounts/there=$store" -- cat there/one

# --- what can't be ---
stops "mount of a store that is not there" 126 'No such file' \
    "$psctl" run --mount "$mounts/there=file://$mounts/none" -- echo printed
stops "PS_MOUNT of a store that is not there" 126 'No such file' \
    env PS_MOUNT="$mounts/there=file://$mounts/none" "$psctl" run -- echo printed
stops "PS_MOUNT of a store that is not there, preloaded by hand" 126 'No such file' \
    env LD_PRELOAD="$libps" PS_MOUNT="$mounts/there=file://$mounts/none" echo printed
stops "mount of a server that is not there" 126 'refused' \
    env PS_DEADLINE=0 "$psctl" run --mount "$mounts/there=redis://127.0.0.1:1" -- echo printed
stops "mount of a store that is not configured" 126 "'nosuch'" \
    "$psctl" run --mount "$mounts/there=nosuch" -- echo printed
stops "mount of a list that breaks off" 126 'on purpose' \
    "$psctl" run --mount "$mounts/there=fail+file://$mounts/store?fail.at=2" -- echo printed
stops "mount on a file" 126 'Not a directory' "$psctl" run --mount "$mounts/one=$store" -- echo printed
stops "PS_MOUNT that is none" 126 'FOLDER=STORE\|folder=STORE' env PS_MOUNT=/data "$psctl" run -- echo printed
for wrong in /data data=x =x /=x //=x /data= /a/../b=x /a/..=x; do
    stops "mount of $wrong" 2 'can.t be mounted' "$psctl" run --mount "$wrong" -- echo printed
done
stops "mount of a URL with a password" 2 'a URL with a password can.t be mounted: .*configuration' "$psctl" run --mount /d=redis://u:pw@h/0 -- echo printed
ends "mount of a URL with a password does not show it" 1 grep -q pw "$err"
ends "mount, and no such program" 127 "$psctl" run --mount "$mounts/there=$store" -- ./none
mkdir alone
cp "$libps" alone/
run env LD_PRELOAD="$mounts/alone/libps.so.1" PS_MOUNT="$mounts/there=$store" echo printed
is "PS_MOUNT where there is no psctl is 127, one line and nothing else" \
    [ "$status$(cat "$out" "$err")" = '127libps: PS_MOUNT: there is no psctl beside libps, nor in ../bin' ]
if [ -x ../supervised/static ]; then
    stops "mount where the system gives no namespaces" 126 'no mounts of their own' \
        ../supervised/static without unshare "$psctl" run --mount "$mounts/there=$store" -- echo printed
fi
if command -v busybox >/dev/null; then
    stops "mount below a program that is supervised" 126 'supervised' "$psctl" run -- \
        busybox sh -c '"$0" run --mount "$1" -- echo printed' "$psctl" "$mounts/there=$store"
fi
cd .. || exit 1
