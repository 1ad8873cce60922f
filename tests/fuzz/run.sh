#!/bin/sh
# run.sh [SECONDS]: fuzz the proxy parser for so long (default 60); fails on a finding
set -eu
seconds=${1:-60}
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM PIPE

cd "$top"
${FUZZ_CC:-clang} -g -O1 -std=c11 -D_GNU_SOURCE -Iinclude -Iruntime \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	tests/fuzz/proxy_fuzz.c runtime/proxy.c runtime/proxy_keys.c runtime/proxy_object.c \
	runtime/proxy_format.c runtime/url.c runtime/base/error.c -o "$work/proxy_fuzz"

# New inputs go to a copy: the committed seeds stay as they are.
cp -r tests/fuzz/corpus "$work/corpus"
status=0
"$work/proxy_fuzz" -max_total_time="$seconds" -max_len=4200 -timeout=5 -print_final_stats=1 \
	-artifact_prefix="$work/" -dict=tests/fuzz/proxy.dict "$work/corpus" >"$work/log" 2>&1 ||
	status=$?
if [ "$status" -ne 0 ]; then
	tail -n 60 "$work/log" >&2
	for finding in "$work"/crash-* "$work"/timeout-* "$work"/oom-*; do
		if [ -f "$finding" ]; then
			echo "finding, in base64:" >&2
			base64 "$finding" >&2
		fi
	done
fi
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
echo "fuzz: ${runs:-0} runs done in $seconds s, exit status $status"
exit "$status"
