# s3_swift_test.sh: objects of OpenStack Swift, which checks signatures and conditions as its own authors read S3
. "$HERE/common.sh"
ports=$(free_ports 5)
# shellcheck disable=SC2086 # five words
stand_in swift_server "$tmp/swift" $ports
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:${ports%% *}" AWS_REGION=eu-test-1
export AWS_ACCESS_KEY_ID=test:tester AWS_SECRET_ACCESS_KEY='se/cret+'
url=s3://bucket/pre%20fix+/x
head -c 3000000 /dev/urandom >a
head -c 12345 /dev/urandom >b
head -c 12000000 /dev/urandom >large
: >empty

does "put" 3000000 "$psctl" put a --store "$url" --key obj
reads "an object" a a.psx
run on dd if=a.psx bs=1 skip=1234567 count=100 status=none
is "a range" [ "$(md5sum <"$out")" = "$(tail -c +1234568 a | head -c 100 | md5sum)" ]
does "a proxy of what is there" '3000000 bytes' "$psctl" proxy "$url/obj" -o p.psx
reads "a proxy of what is there" a p.psx
does "put an empty one" ' 0 bytes' "$psctl" put empty --store "$url" --key nothing
run on wc -c empty.psx
is "an empty object" [ "$(cat "$out")" = '0 empty.psx' ]
for key in "k e+y%&='(ä)*~" '!"#$,:;?@[]^`{|}' '%2F%zz+ +'; do
    rm -f odd.psx
    does "put under $key" bytes "$psctl" put b -o odd.psx --store "$url" --key "$key"
    reads "the key $key" b odd.psx
done
does "replace" bytes "$psctl" put b -o b.psx --store "$url" --key obj --force
breaks "an object that was replaced" 'another version.*412' cat a.psx
reads "what replaced it" b b.psx
does "evict" removed "$psctl" evict b.psx
breaks "an object that is gone" 'NoSuchKey' cat b.psx
does "evict of what is gone" '' "$psctl" evict b.psx
fails "no such object" 'NoSuchKey' "$psctl" proxy "$url/none" -o x.psx
fails "no such bucket" 'NoSuchBucket' "$psctl" put b -o x.psx --store s3://none --key k
does "put in parts" 12000000 "$psctl" put large --store "$url?s3.part=5M" --key large
reads "an object in parts" large large.psx
fails "a wrong secret" 'SignatureDoesNotMatch' env AWS_SECRET_ACCESS_KEY=no "$psctl" proxy "$url/large" -o x.psx
fails "an unknown key" '403' env AWS_ACCESS_KEY_ID=x "$psctl" proxy "$url/large" -o x.psx
does "another region" 12000000 env AWS_REGION=us-west-1 "$psctl" proxy "$url/large" -o x.psx
fails "nobody asks" '40[03]' env -u AWS_ACCESS_KEY_ID "$psctl" proxy "$url/large" -o y.psx
finish
