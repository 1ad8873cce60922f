# s3_test.sh: objects of a stand-in for S3 that checks signatures
. "$HERE/common.sh"
port=$(free_ports 1)
stand_in s3_stand_in "$port"
head -c 3000000 /dev/urandom >a
head -c 12345 /dev/urandom >b
: >empty
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_REGION=eu-test-1
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+'
url=s3://bucket/pre%20fix+/x

# --- one object ---
does "put" "a.psx: $url/.*, 3000000 bytes" "$psctl" put a --store "$url" --key obj
reads "an object" a a.psx
run on dd if=a.psx bs=1 skip=1234567 count=100 status=none
is "a range" [ "$(md5sum <"$out")" = "$(tail -c +1234568 a | head -c 100 | md5sum)" ]
does "a proxy of what is there" '3000000 bytes' "$psctl" proxy "$url/obj" -o p.psx
reads "a proxy of what is there" a p.psx
does "put an empty one" ' 0 bytes' "$psctl" put empty --store "$url" --key nothing
run on wc -c empty.psx
is "an empty object" [ "$(cat "$out")" = '0 empty.psx' ]
does "put under a key with all kinds of characters" bytes "$psctl" put b -o odd.psx --store "$url" --key "k e+y%&='(ä)*~"
reads "a key with all kinds of characters" b odd.psx
does "replace" bytes "$psctl" put b -o b.psx --store "$url" --key obj --force
breaks "an object that was replaced" 'another version' cat a.psx
reads "what replaced it" b b.psx
does "evict" removed "$psctl" evict b.psx
breaks "an object that is gone" 'NoSuchKey' cat b.psx
does "evict of what is gone" '' "$psctl" evict b.psx
fails "no such object" 'NoSuchKey' "$psctl" proxy "$url/none" -o x.psx

# A slash is a character of the key like any other.
does "put below a folder" bytes "$psctl" put a -o one.psx --store s3://bucket/x --key k
does "put below one without a name in it" bytes "$psctl" put b -o two.psx --store s3://bucket/x// --key k
reads "below a folder" a one.psx
reads "below one without a name in it" b two.psx
does "a proxy of that" '12345 bytes' "$psctl" proxy s3://bucket/x//k -o p.psx

# --- in parts ---
head -c 33000000 /dev/urandom >huge
does "put in parts" bytes "$psctl" put huge --store "$url?s3.part=5M" --key huge
reads "an object in parts" huge huge.psx
fails "a part fails" 'AccessDenied' "$psctl" put huge -o x.psx --store "$url?s3.part=5M" --key fails
is "its upload is aborted" [ "$(grep '^uploads' stand_in | tail -n 1)" = 'uploads 0' ]
fails "the end fails" 'InternalError' "$psctl" put huge -o x.psx --store "$url?s3.part=5M" --key breaks
fails "nothing of it is there" 'NoSuchKey' "$psctl" proxy "$url/breaks" -o x.psx

# --- who asks ---
fails "a wrong secret" 'SignatureDoesNotMatch' env AWS_SECRET_ACCESS_KEY=no "$psctl" proxy "$url/huge" -o x.psx
is "it is in no message" sh -c "! grep -q 'se/cret' '$err' '$out'"
fails "an unknown key" 'InvalidAccessKeyId' env AWS_ACCESS_KEY_ID=x "$psctl" proxy "$url/huge" -o x.psx
fails "a session without its token" 'InvalidToken' \
    env AWS_ACCESS_KEY_ID=ASIATEMPORARY AWS_SECRET_ACCESS_KEY=other "$psctl" proxy "$url/huge" -o x.psx
does "a session" bytes env AWS_ACCESS_KEY_ID=ASIATEMPORARY AWS_SECRET_ACCESS_KEY=other AWS_SESSION_TOKEN=to/ken== \
    "$psctl" proxy "$url/huge" -o x.psx
"$psctl" put b -o open.psx --store s3://open --key b >"$out"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
reads "anybody may read" b open.psx
breaks "nobody asks" 'AccessDenied' cat huge.psx
mkdir -p .aws home/.aws
cat >home/.aws/credentials <<END
# a comment = nothing
[other]
aws_access_key_id = AKIDEXAMPLE
aws_secret_access_key=se/cret+
[default]
aws_access_key_id = x
END
AWS_PROFILE=other
export AWS_PROFILE
reads "a profile" huge huge.psx
unset AWS_PROFILE
printf '[profile work]\nregion = eu-test-1\ns3 =\n  aws_access_key_id = y\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = se/cret+\nendpoint_url = %s\n' \
    "$AWS_ENDPOINT_URL" >config
does "a profile of the other file, with all" bytes \
    env -u AWS_ENDPOINT_URL -u AWS_REGION AWS_PROFILE=work AWS_CONFIG_FILE=config "$psctl" proxy "$url/huge" -o x.psx
mkdir -p home/.config/libps
echo "store.mine = s3://AKIDEXAMPLE:se%2Fcret%2B@bucket/pre%20fix+" >home/.config/libps/config
run on cat huge.psx
is "a store of the configuration" cmp -s huge "$out"

# --- the node's cache ---
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+'
export PS_CACHE="$tmp/cache"
does "an object to keep" bytes "$psctl" put a -o kept.psx --store s3://bucket/x --key kept
reads "it is fetched" a kept.psx
does "it goes" removed "$psctl" evict kept.psx
reads "it was kept" a kept.psx
breaks "not for the same bucket elsewhere" 'connect' \
    env AWS_ENDPOINT_URL=http://127.0.0.1:1 cat kept.psx
unset PS_CACHE

# --- URLs ---
for bad in s3:// s3://b s3://.b.c 's3://a@b' "$url?s3.part=1M" "$url?s3.endpoint=http://127.0.0.1:1" 's3://bucket/%zz'; do
    run "$psctl" put b -o bad.psx --store "$bad" --key k
    is "refused: $bad" [ $status != 0 ]
done
finish
