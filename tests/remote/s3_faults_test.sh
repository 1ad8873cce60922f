# s3_faults_test.sh: what happens to S3 while a program reads: to Swift, and by the stand-in
. "$HERE/common.sh"
ports=$(free_ports 6)
port=${ports%% *} ports=${ports#* }
stand_in s3_stand_in "$port"
mv stand_in stand_in.s3
# shellcheck disable=SC2086 # five words
stand_in swift_server "$tmp/swift" $ports
swift=$!
head -c 3000000 /dev/urandom >a
head -c 3000000 /dev/urandom >other
head -c 12000000 /dev/urandom >large
url=s3://bucket/x
export AWS_REGION=eu-test-1 AWS_SECRET_ACCESS_KEY='se/cret+'
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:${ports%% *}" AWS_ACCESS_KEY_ID=test:tester

again() { # the object as it was
    PS_DEADLINE=30s "$psctl" put a -o a.psx --store "$url?http.timeout=2s" --key obj --force >"$out" 2>&1 || cat "$out"
}

# --- Swift ---
again
breaks "replaced in the middle" 'another version.*412' python3 "$HERE/middle.py" a.psx \
    "$psctl put other -o o.psx --store $url --key obj --force"
again
breaks "removed in the middle" 'NoSuchKey' python3 "$HERE/middle.py" a.psx "$psctl evict o.psx"
again
breaks "frozen" 'within 2 s' python3 "$HERE/middle.py" a.psx "kill -STOP $swift"
(sleep 1 && kill -CONT $swift) &
PS_DEADLINE=30s run on cat a.psx
is "frozen for a while" cmp -s a "$out"
wait $!
breaks "killed" 'onnect' python3 "$HERE/middle.py" a.psx "kill -9 $swift"
cat >restart <<END
kill -9 $swift
(sleep 0.5; exec python3 "$HERE/swift_server.py" "$tmp/swift" $ports) >second.log 2>&1 </dev/null &
echo \$! >second
END
# shellcheck disable=SC2086 # five words
stand_in swift_server "$tmp/swift" $ports
sed -i "s/^kill.*/kill -9 $!/" restart
PS_DEADLINE=50s run on python3 "$HERE/middle.py" a.psx "sh restart"
is "killed and started again" cmp -s a "$out"
swift=$(cat second)
pids="$pids $swift"

# --- the stand-in ---
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=AKIDEXAMPLE
again
while read -r fault pattern; do
    echo "$fault" | tr '=' ' ' >fault
    breaks "$fault" "$pattern" cat a.psx
    rm fault
    run on cmp a.psx a
    is "$fault is over" [ $status = 0 ]
done <<END
reset=50000 reset\|closed
stall=1000 within 2 s
short bytes came
long more bytes\|others
slow=30 SlowDown, to be asked again in 30 s
expired 403, ExpiredToken
END
echo reset 100000 >fault
run on cmp a.psx a
is "reset again and again: each time some way" [ $status = 0 ]
is_met() {
    tail -n +$((lines + 1)) stand_in.s3 | grep -q '^fault'
}
over_soon() { # over_soon FAULT: a second after somebody has met it; $lines were there before
    lines=$(wc -l <stand_in.s3)
    echo "$1" >fault
    (await is_met; sleep 1; rm fault) &
}
for fault in 'reset 50000' 'stall 1000' 'slow 2'; do
    over_soon "$fault"
    PS_DEADLINE=30s run on cmp a.psx a
    is "for a while: $fault" [ $status = 0 ]
    wait $!
done
over_soon "slow 2"
PS_DEADLINE=30s run on head -c 100 a.psx
is "not asked before it says so" [ "$(tail -n +$((lines + 1)) stand_in.s3 | grep -c '^fault')" = 1 ]
wait $!
echo keep >fault
fails "an upload that can't be aborted" 'AccessDenied.*the parts of its upload are left.*503' \
    "$psctl" put large -o x.psx --store "$url?s3.part=5M" --key fails
echo keep 1 >fault
fails "an upload that can be aborted by another try" "'fails': forbidden (HTTP status 403, AccessDenied)\$" \
    "$psctl" put large -o x.psx --store "$url?s3.part=5M" --key fails
finish
