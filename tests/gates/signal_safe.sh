#!/bin/sh
# signal_safe.sh BUILD_DIR: code that runs in signal handlers and at faults needs nothing that is unsafe there
#
# A touch of lazy memory may come from a signal handler, or under any lock of
# the program. Of the objects below, each undefined symbol must be safe by
# itself, or be defined by one of these objects, or be an exception with a
# reason. What is not named fails.
set -eu

[ $# = 1 ] || { sed -n '2s/^# /usage: /p' "$0" >&2; exit 2; }
build=$(cd "$1" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
trap 'exit 130' INT TERM PIPE

# The way of a touch. Checked whole: what they call must be checked too.
touch_objects="runtime/engine/asleep runtime/engine/segv runtime/engine/fault_action runtime/engine/fail runtime/try
    runtime/touch runtime/fetch runtime/fetch_carry runtime/fetch_late runtime/fetch_look runtime/fetch_now
    runtime/requests runtime/table runtime/use runtime/memory
    runtime/evict runtime/ahead runtime/region runtime/report runtime/where runtime/callers
    runtime/profile runtime/pin runtime/pour runtime/base/clock runtime/base/text runtime/base/lock runtime/base/hold"

# Hooks of calls that are async-signal-safe in libc, so that programs make them in handlers. Only
# what they need of libc is checked: the runtime's functions behind them wait on purpose.
hook_objects="shim/call_access shim/call_advise shim/call_aio shim/call_buffer shim/call_copy shim/call_exec
    shim/call_fd shim/call_filter shim/call_file_lock shim/call_lock shim/call_map shim/call_message shim/call_own shim/call_process shim/call_seek
    shim/call_queue shim/call_signal shim/call_stat shim/environment shim/executable shim/inherit shim/program shim/read shim/uri shim/view"

# Safe: no state, or in POSIX's list of async-signal-safe functions.
safe="_GLOBAL_OFFSET_TABLE_ __errno_location memcpy memset memmove memcmp strncmp strlen
    clock_gettime sigaction sigemptyset sigdelset sigismember sysconf sched_yield
    program_invocation_short_name ps_guard_depth __vfork longjmp environ
    memchr memrchr memmem strcat strchr strcmp strcpy strcspn strrchr strspn strstr gnu_dev_major gnu_dev_minor"

# OBJECT SYMBOL REASON
cat >"$temp/exceptions" <<'END'
runtime/engine/segv ps_error_set only where the limit of mappings is reached and all else failed
runtime/engine/segv ps_stats_engine ps_segv_start, which is no handler; a load
runtime/engine/fail ps_uffd_poison one ioctl
runtime/engine/fail ps_uffd_register one ioctl
runtime/try ps_error_set where SIGBUS can't be handled at all
runtime/try ps_error_clear ps_on_failure, which handlers may not call
runtime/engine/fail ps_work_wake an atomic and a futex
runtime/fetch_carry ps_handle_read workers, and ps_fetch_now where the backend says that it never waits
runtime/fetch_carry ps_handle_cached a load
runtime/fetch_carry ps_handle_limit ps_fetch_perform, which workers run
runtime/fetch_carry ps_parts_came workers: what never waits has no parts
runtime/fetch_carry ps_parts_gone ps_lock
runtime/evict ps_parts_gone ps_lock
runtime/fetch_now ps_handle_is_instant two loads
runtime/requests ps_handle_deadline a load
runtime/requests ps_handle_flow an address
runtime/requests ps_flow_has_room workers
runtime/requests ps_work_wake an atomic and a futex
runtime/fetch ps_handle_flow an address
runtime/fetch_carry ps_digest_check workers; not ps_fetch_now, while it is due
runtime/fetch_look ps_image_left one fcntl
runtime/fetch_carry ps_engine_published wake-ups: atomics and one ioctl
runtime/fetch_carry ps_error_set ps_fetch_perform, which workers run
runtime/fetch_carry ps_learn_note ps_fetch_perform, which workers run
runtime/fetch ps_work_wake an atomic and a futex
runtime/fetch ps_work_check an atomic, and an error where no thread can be had
runtime/touch ps_work_allow an atomic
runtime/touch ps_learn_foretells two loads
runtime/touch ps_work_check an atomic, and an error where no thread can be had
runtime/callers ps_callers_find only its address: a worker calls it
runtime/callers ps_work_queue atomics, ps_lock and a futex
runtime/profile ps_config_get ps_profile_start, which is no handler
runtime/profile ps_fork_at_home an atomic and getpid
runtime/use ps_object_slots an atomic
runtime/use ps_images the list itself, for the child of a fork
runtime/pin ps_images the list itself, for the child of a fork
runtime/pin ps_object_slots an atomic
runtime/evict ps_image_share one fcntl
runtime/evict ps_image_claim one fcntl
runtime/evict ps_engine_published wake-ups: atomics and one ioctl
runtime/evict ps_engine_close two system calls at most
runtime/memory ps_images the list itself, once there is one
runtime/memory ps_object_slots an atomic
runtime/pour ps_preload_filtered a load
runtime/region ps_error_set writers of the list, which are no handlers
runtime/region ps_engine_forget a loop and one ioctl
shim/executable openat the hook
shim/executable sendfile the hook
shim/executable fork only a vforked child that runs a proxy; libc has malloc's locks for it
END
# Functions of objects that are not listed, but touch atomics only.
safe="$safe ps_image_get ps_image_again ps_image_put"

fail() {
    echo "signal_safe: $1"
    exit 1
}

if nm "$build/libps.so.1" 2>/dev/null | grep -q '__asan_init\|__tsan_init'; then
    echo "skipped: a build with sanitizers calls them everywhere"
    exit 77
fi

for object in $touch_objects $hook_objects; do
    [ -f "$build/$object.o" ] || fail "$object.o was not built"
done
for object in $touch_objects; do
    nm --defined-only "$build/$object.o" | awk '{ print $3 }'
done >"$temp/defined"

# symbols OBJECT: what it needs and does not have, but for what is safe
symbols() {
    nm --undefined-only "$build/$1.o" | awk '{ print $2 }' | while read -r symbol; do
        case " $(echo $safe) " in
        *" $symbol "*) ;;
        *) echo "$symbol" ;;
        esac
    done
}

for object in $touch_objects; do
    for symbol in $(symbols "$object"); do
        grep -qx "$symbol" "$temp/defined" || grep -q "^$object $symbol " "$temp/exceptions" ||
            fail "$object.o needs $symbol, which may not be called at a fault"
    done
done

for object in $hook_objects; do
    for symbol in $(symbols "$object"); do
        case $symbol in
        ps_*) ;;
        *)
            grep -q "^$object $symbol " "$temp/exceptions" ||
                fail "$object.o needs $symbol, which a hook that handlers call may not"
            ;;
        esac
    done
done

# An exception that nobody needs any more would let its next user in.
while read -r object symbol _; do
    nm --undefined-only "$build/$object.o" | awk '{ print $2 }' | grep -qx "$symbol" ||
        fail "$object.o needs $symbol no more: drop the exception"
done <"$temp/exceptions"
