# valgrind.sh: how the tests call valgrind's memcheck; sourced
#
# What returns from a SIGSEGV handler to the touch needs its registers as they were (libps(7)).
# Without fair scheduling a thread that polls keeps from running whom it waits for.
# A file for gdb that is left by a process that was killed, stops who gets its number as another user.

# shellcheck disable=SC2034 # for who sources this
VALGRIND="valgrind -q --error-exitcode=99 --trace-children=yes --trace-children-skip=*/env
    --fair-sched=yes --vgdb=no --vex-iropt-register-updates=allregs-at-mem-access"
