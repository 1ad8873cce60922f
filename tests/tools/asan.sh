# asan.sh: what the tests tell AddressSanitizer of thread-local memory; sourced
#
# Its leak checker guesses the bounds of what a library's thread-local variables are in.
# Where malloc() gave it 16 bytes behind the begin of a page, it takes what stands there,
# which is malloc's own, for the bounds, reads from a wild address and dies. A library that
# is loaded with threads running, as the one that names callers is, meets that.

# shellcheck disable=SC2034 # for who sources this
ASAN_TLS=intercept_tls_get_addr=0
