# s3_region_test.sh: buckets that are in another region than the user says, also at Amazon's own hosts
. "$HERE/common.sh"
ports=$(free_ports 1)
stand_in s3_stand_in "$ports"
head -c 300000 /dev/urandom >a
head -c 33000000 /dev/urandom >large
base=http://127.0.0.1:$ports
export AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+' AWS_REGION=eu-test-1
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=stand-in -keyout key -out certificate \
    -addext 'subjectAltName=DNS:*.s3.eu-test-1.amazonaws.com,DNS:*.s3.eu-far-2.amazonaws.com,DNS:s3.eu-test-1.amazonaws.com,DNS:s3.eu-far-2.amazonaws.com,DNS:sts.eu-test-1.amazonaws.com' \
    2>openssl || exit 2

# said PATTERN: so many lines of the stand-in since the last "begin"
begin() {
    lines=$(wc -l <stand_in)
}
said() {
    tail -n +$((lines + 1)) stand_in | grep -c "^$1\$"
}

# --- one endpoint for all regions ---
export AWS_ENDPOINT_URL_S3="$base"
for way in far far-header far-host; do
    begin
    does "put: $way" 300000 "$psctl" put a --store "s3://$way/x" --key a
    is "put: $way, told once" [ "$(said moved)" = 1 ]
    reads "read: $way" a a.psx
    rm a.psx
done
does "put in parts" 33000000 "$psctl" put large --store "s3://far-slow/x?s3.part=5M" --key large
begin
run on python3 -c 'import os, sys, threading
file, good, left = open("large.psx", "rb"), open("large", "rb").read(), set(range(0, 33000000, 4 << 20))
def look(offset):
    if os.pread(file.fileno(), 9000, offset) == good[offset : offset + 9000]:
        left.remove(offset)
threads = [threading.Thread(target=look, args=(offset,)) for offset in left]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(len(left))'
is "threads that are told one after the other" [ "$status" = 0 ]
is "they were more than one" [ "$(said moved)" -gt 1 ]
does "a region that is wrong" 300000 env AWS_REGION=eu-far-2 "$psctl" put a --store s3://bucket/x --key a -o b.psx
for way in far-none far-evil; do
    begin
    fails "no region: $way" 'HTTP status 400' "$psctl" put a --store "s3://$way/x" --key a -o x.psx
    is "no region: $way, asked once" [ "$(said moved)" = 1 ]
done
begin
fails "one region after another" 'HTTP status 400' "$psctl" put a --store "s3://far-liar/x" --key a -o x.psx
is "one after another, asked twice" [ "$(said moved)" = 2 ]

# --- Amazon's hosts ---
unset AWS_ENDPOINT_URL_S3
export https_proxy="$base" CURL_CA_BUNDLE="$tmp/certificate"
for way in far far-header far-host far.dots bucket; do
    begin
    does "put at Amazon's: $way" 300000 "$psctl" put a --store "s3://$way/y" --key a -o "$way.psx"
    reads "read at Amazon's: $way" a "$way.psx"
done
begin
run on cat far.psx
is "the host is of the region" [ "$(said 'at far.s3.eu-test-1.amazonaws.com')" -ge 1 ]
is "the host is of the other region" [ "$(said 'at far.s3.eu-far-2.amazonaws.com')" -ge 1 ]
run on cat far.dots.psx
is "a bucket with dots is in the path" [ "$(said 'at s3.eu-far-2.amazonaws.com')" -ge 1 ]
for way in far-none far-evil; do
    fails "no region at Amazon's: $way" 'HTTP status 301' "$psctl" put a --store "s3://$way/y" --key a -o x.psx
done
begin
"$psctl" put a --store "s3://far-open/y" --key a -o open.psx >"$out"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
reads "nobody asks in another region" a open.psx
echo 'good.&+1' >identity
begin
run on env AWS_WEB_IDENTITY_TOKEN_FILE="$tmp/identity" AWS_ROLE_ARN=arn:aws:iam::1:role/a+b cmp a far.psx
is "the token service of the region" [ "$status $(said 'gave .* to libps with good.&+1')" = "0 1" ]
finish
