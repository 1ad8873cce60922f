#!/bin/sh
# exports.sh BUILD_DIR: what the built library and modules show to the world, and what they need of it
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
lib=$build/libps.so.1
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE

fail() {
    echo "exports: $1"
    exit 1
}

if nm "$lib" 2>/dev/null | grep -q '__asan_init\|__tsan_init'; then
    echo "skipped: a build with sanitizers needs and shows more"
    exit 77
fi

# exported FILE: names with their kind of version: "name", "name@LIBPS_1.0"
exported() {
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@@/, "@", $3); print $3 }' | sort
}

# same WHAT WANTED SEEN: both ways
same() {
    missing=$(comm -23 "$2" "$3" | head -n 5 | tr '\n' ' ')
    extra=$(comm -13 "$2" "$3" | head -n 5 | tr '\n' ' ')
    [ -z "$missing" ] || fail "$1 does not export: $missing"
    [ -z "$extra" ] || fail "$1 exports, and should not: $extra"
}

# The map's public names, and libc's names without a version.
sed 's|/\*.*\*/||' shim/libps.map | awk '
    /^LIBPS_[0-9.]* *\{/ { node = $1 }
    { while (match($0, /ps_[a-z0-9_]+;/)) {
          print substr($0, RSTART, RLENGTH - 1) "@" node
          $0 = substr($0, RSTART + RLENGTH) } }' >"$temp/wanted"
[ "$(wc -l <"$temp/wanted")" -ge 30 ] || fail "shim/libps.map could not be read"
grep -v '^#\|^$' tests/gates/hooks.list >>"$temp/wanted"
sort -o "$temp/wanted" "$temp/wanted"
[ -z "$(uniq -d "$temp/wanted")" ] || fail "named twice: $(uniq -d "$temp/wanted" | head -n 1)"
exported "$lib" >"$temp/seen"
same libps.so.1 "$temp/wanted" "$temp/seen"

# Programs built on a glibc before 2.33 ask for __xstat, later ones for stat.
for name in stat lstat fstat fstatat; do
    for each in $name ${name}64 __$(echo "$name" | sed 's/stat/xstat/'); do
        grep -qx "$each" "$temp/seen" || fail "libps.so.1 lacks $each of the stat family"
    done
done

echo ps_backend_init >"$temp/wanted"
count=0
for module in "$build"/libps/libps-backend-*.so; do
    exported "$module" >"$temp/seen"
    same "${module##*/}" "$temp/wanted" "$temp/seen"
    count=$((count + 1))
done
[ $count -gt 0 ] || fail "no backend module was built"
if [ -e "$build/libps/libps-unwind.so" ]; then
    echo ps_unwind_init >"$temp/wanted"
    exported "$build/libps/libps-unwind.so" >"$temp/seen"
    same libps-unwind.so "$temp/wanted" "$temp/seen"
fi

readelf -dW "$lib" >"$temp/dynamic"
grep -q 'SONAME.*\[libps\.so\.1\]' "$temp/dynamic" || fail "SONAME is not libps.so.1"
# -z now: no symbol may be looked up for the first time in a signal handler
grep -q 'BIND_NOW\|FLAGS.*NOW' "$temp/dynamic" || fail "libps.so.1 is bound lazily"
grep -q 'NODELETE' "$temp/dynamic" || fail "libps.so.1 could be unloaded under its threads"

# needed FILE NAMES...: only these libraries; libdl and libpthread are libc's own before 2.34
needed() {
    file=$1
    shift
    readelf -dW "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r library; do
        case " $* libc.so.6 libdl.so.2 libpthread.so.0 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1 " in
        *" $library "*) ;;
        *) echo "$library" ;;
        esac
    done >"$temp/more"
    [ ! -s "$temp/more" ] || fail "${file##*/} needs $(head -n 1 "$temp/more")"
}
needed "$lib"
for module in "$build"/libps/libps-backend-*.so; do
    case $module in
    */libps-backend-delay.so | */libps-backend-fail.so | */libps-backend-retry.so | \
        */libps-backend-trace.so)
        needed "$module" libps.so.1
        ;;
    esac
done

for file in "$lib" "$build"/libps/libps-*.so "$build/psctl"; do
    readelf -lW "$file" >"$temp/segments"
    grep -q 'GNU_STACK.* RW ' "$temp/segments" || fail "${file##*/} asks for an executable stack"
    ! readelf -dW "$file" | grep -q TEXTREL || fail "${file##*/} has relocations in its code"
done

# For information: what ties this build to a newer glibc than 2.28. These functions moved from libdl
# and libpthread into libc in 2.32 and 2.34; a build on the older system takes them from there.
moved="__libc_start_main dladdr dladdr1 dlerror dlinfo dlopen dlsym dlvsym dlclose pthread_attr_setstacksize
    pthread_create pthread_join pthread_mutex_trylock pthread_once pthread_sigmask pthread_key_create
    pthread_getspecific pthread_setspecific sem_init sem_wait sem_post"
for file in "$lib" "$build"/libps/libps-*.so "$build/psctl"; do
    nm -D --undefined-only "$file" | sed -n 's/.* \([^ @]*\)@\{1,2\}GLIBC_2\.\([0-9]*\).*/\2 \1/p' |
        awk '$1 > 28 { print $2 }' | sort >"$temp/newer"
    while read -r symbol; do
        case " $(echo $moved) " in
        *" $symbol "*) ;;
        *) fail "${file##*/} needs $symbol of a glibc after 2.28, without a fallback" ;;
        esac
    done <"$temp/newer"
    [ ! -s "$temp/newer" ] || echo "note: ${file##*/}: only in libc since 2.32 or 2.34, so a program" \
        "for an older system is built there: $(tr '\n' ' ' <"$temp/newer")"
done
