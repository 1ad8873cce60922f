# s3_login_test.sh: where the credentials for S3 come from, and what goes wrong there
. "$HERE/common.sh"
ports=$(free_ports 2)
port=${ports% *} nobody=${ports#* }
stand_in s3_stand_in "$port"
base=http://127.0.0.1:$port url=s3://bucket/x
head -c 300000 /dev/urandom >a
head -c 33000000 /dev/urandom >large
export AWS_ENDPOINT_URL_S3="$base" AWS_REGION=eu-test-1 AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+'
for object in a large; do "$psctl" put $object --store "$url" --key $object >"$out"; done
"$psctl" put a --store s3://open --key a -o open.psx >"$out"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY

# said PATTERN: so many lines of the stand-in since the last "begin"
begin() {
    lines=$(wc -l <stand_in)
}
said() {
    tail -n +$((lines + 1)) stand_in | grep -c "^$1\$"
}

# asks NAME PATTERN VARIABLE=VALUE...: with these it is read, by the session that was given to PATTERN
asks() {
    name=$1 pattern=$2
    shift 2
    begin
    run on env "$@" md5sum a.psx
    is "$name" [ "$(md5sum <a)" = "$(sed 's| .*|  -|' "$out")" ]
    is "$name: its own" [ "$(said "gave .* to $pattern")" = 1 ]
}

# refuses NAME PATTERN VARIABLE=VALUE...: it is not read, and no secret is in what libps says
refuses() {
    name=$1 pattern=$2
    shift 2
    breaks "$name" "$pattern" env "$@" cat a.psx
    is "$name: no secret in it" sh -c "! grep -q 's3cr\|t0k\|c0nt\|good' '$err' '$out'"
}

# --- a web identity ---
echo 'good.&+1' >identity
sts=AWS_WEB_IDENTITY_TOKEN_FILE=$tmp/identity role=AWS_ROLE_ARN=arn:aws:iam::1:role/a+b at=AWS_ENDPOINT_URL_STS=$base
asks "a web identity" 'libps with good.&+1' "$sts" "$role" "$at"
asks "its name" 'me@here with good.&+1' "$sts" "$role" "$at/" AWS_ROLE_SESSION_NAME=me@here
asks "one endpoint for all" 'libps with good.&+1' "$sts" "$role" AWS_ENDPOINT_URL="$base"
refuses "no role" 'no credentials: .* no role' "$sts" "$at"
refuses "another role" 'the token service.*AccessDenied' "$sts" AWS_ROLE_ARN=other "$at"
refuses "no file" 'no credentials: .*No such file' "$sts-not" "$role" "$at"
refuses "no token service" "no credentials: the token service: .*$nobody" "$sts" "$role" "AWS_ENDPOINT_URL_STS=http://127.0.0.1:$nobody"
refuses "no URL of one" 'no credentials: .*URL' "$sts" "$role" AWS_ENDPOINT_URL_STS=127.0.0.1
echo 'good.&+2' >identity.new
mv identity.new identity
asks "another token" 'libps with good.&+2' "$sts" "$role" "$at"
printf 'good\n.&+2' >identity
refuses "two lines" 'is no token' "$sts" "$role" "$at"
head -c 30000 /dev/zero | tr '\0' g >identity
refuses "an endless one" 'is no token' "$sts" "$role" "$at"
echo 'bad' >identity
refuses "a wrong one" 'InvalidIdentityToken' "$sts" "$role" "$at"
begin
run on env "$sts" "$role" "$at" AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY='se/cret+' cmp a a.psx
is "the environment goes first" [ "$status $(said 'gave .*')" = "0 0" ]

# --- a profile ---
mkdir home/.aws
container=AWS_CONTAINER_CREDENTIALS_FULL_URI=$base/credentials/open
echo 'good.&+3' >identity
printf '[profile web]\nrole_arn = arn:aws:iam::1:role/a+b\nweb_identity_token_file = %s\nrole_session_name = pro\n' \
    "$tmp/identity" >home/.aws/config
printf '[keys]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = se/cret+\n' >home/.aws/credentials
printf '[profile sso]\nsso_session = x\n[profile runs]\ncredential_process = touch ran\n[profile next]\nrole_arn = x\nsource_profile = keys\n' \
    >>home/.aws/config
asks "a web identity of a profile" 'pro with good.&+3' AWS_PROFILE=web "$at" "$container"
begin
run on env AWS_PROFILE=keys "$container" cmp a a.psx
is "a profile before a container" [ "$status $(said 'gave .*')" = "0 0" ]
refuses "a profile with a login of the user" "sso_session is not supported" AWS_PROFILE=sso "$container"
refuses "a profile that runs a program" "credential_process is not supported" AWS_PROFILE=runs "$container"
is "it was not run" [ ! -e ran ]
refuses "a profile of a profile" "role_arn is not supported" AWS_PROFILE=next "$container"

# --- a container ---
asks "a container" container "$container"
token=AWS_CONTAINER_CREDENTIALS_FULL_URI=$base/credentials/token
echo 'Basic c0ntainer' >token
asks "with a token" container "$token" AWS_CONTAINER_AUTHORIZATION_TOKEN='Basic c0ntainer'
asks "with a file of it" container "$token" AWS_CONTAINER_AUTHORIZATION_TOKEN=x AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="$tmp/token"
refuses "a wrong token" 'the container.*401' "$token" AWS_CONTAINER_AUTHORIZATION_TOKEN='c0ntainer2'
refuses "a token of two lines" 'is no token' "$token" AWS_CONTAINER_AUTHORIZATION_TOKEN="c0nt
X-Other: x"
refuses "no file of a token" 'No such file' "$token" AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=none
for bad in http://10.1.2.3/ http://127.0.0.1@10.1.2.3/ http://localhost.example/ ftp://127.0.0.1/ http:/127.0.0.1 x \
    http://0x7f000001.example/ http://169.254.170.3/ 'http://[::2]/'; do
    refuses "not $bad" 'neither https nor local' AWS_CONTAINER_CREDENTIALS_FULL_URI="$bad"
done
refuses "no path" 'is no path' AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=x
while read -r mischief pattern; do
    echo "$mischief" >mischief
    refuses "a container: $mischief" "no credentials: .*the container.*$pattern" "$container"
done <<END
html without credentials
cut without credentials
endless without credentials
header without credentials
404 404
500 500
301 301
hang within 5 s
END
echo 404 >mischief
fails "that is no object which is not there" 'no credentials' env "$container" "$psctl" evict a.psx
rm mischief
asks "it is over" container "$container"

# --- an instance ---
export AWS_EC2_METADATA_DISABLED=false AWS_EC2_METADATA_SERVICE_ENDPOINT="$base"
breaks "an instance without a role" AccessDenied cat a.psx
reads "it may read what is open" a open.psx
echo 'a.role@b' >role
asks "an instance" instance X=y
asks "a container before an instance" container "$container"
breaks "it is not to be asked" AccessDenied env AWS_EC2_METADATA_DISABLED=True cat a.psx
for mischief in html hang 404 403; do
    echo $mischief >mischief
    begin
    reads "no instance: $mischief" a open.psx
    breaks "and nobody: $mischief" AccessDenied cat a.psx
    is "it is asked once by each" [ "$(said hangs)" -le 3 ]
done
echo 500 >mischief
refuses "an instance that fails" 'no credentials: .*the metadata of the instance.*500' X=y
rm mischief
AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:$nobody reads "nobody is there" a open.psx
export AWS_EC2_METADATA_DISABLED=true

# --- at their usual addresses, in a network of its own ---
cat >alone.py <<'END'
import fcntl, os, socket, struct, sys
def address(name, text):
    return struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(text))
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    for name, text in (b"lo", "127.0.0.1"), (b"lo:1", "169.254.170.2"), (b"lo:2", "169.254.169.254"):
        fcntl.ioctl(any, 0x8916, address(name, text))  # SIOCSIFADDR
        fcntl.ioctl(any, 0x8914, struct.pack("16sh14x", name, 1))  # SIOCSIFFLAGS, IFF_UP
os.execvp(sys.argv[1], sys.argv[1:])
END
# usual NAME VARIABLE=VALUE...: who has given what the object is read with
usual() {
    whom=$1
    shift
    run env AWS_ENDPOINT_URL_S3=http://127.0.0.1 http_proxy=http://127.0.0.1:1 unshare -n python3 alone.py sh -c '
        rm -f usual # the one before was ready, too
        python3 "$1/s3_stand_in.py" 80 0.0.0.0 >usual 2>&1 &
        until grep -qs "ready" usual || ! kill -0 $!; do sleep 0.05; done
        AWS_ACCESS_KEY_ID=AKIDEXAMPLE AWS_SECRET_ACCESS_KEY="se/cret+" "$2" put a --store s3://bucket/x --key a -o usual.psx
        shift 2
        "$@" md5sum usual.psx
        kill $!' sh "$HERE" "$psctl" env LD_PRELOAD="$INST/libps.so.1" PS_ENGINE="$ENGINE" "$@"
    grep -q "^$(md5sum <a | sed 's| .*||')" "$out" && grep -q "^gave .* to $whom\$" usual
}
if is_root; then
    rm -f usual.psx
    is "a container's usual address, by no proxy" usual container AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/credentials/open
    rm -f usual.psx
    is "an instance's usual address, by no proxy" usual instance AWS_EC2_METADATA_SERVICE_ENDPOINT= AWS_EC2_METADATA_DISABLED=false
fi

# --- time ---
# far PAUSE [WHERE...]: places of the object, read by threads at once after a pause, or before it
cat >far.py <<'END'
import os, sys, threading, time
pause, offsets = float(sys.argv[1]), range(0, 33000000, 4 << 20)
file, good = open("large.psx", "rb"), open("large", "rb").read()
left = set(offsets)
def look(offset):
    if os.pread(file.fileno(), 9000, offset) != good[offset : offset + 9000]:
        os._exit(3)
    left.discard(offset)
look(0)
time.sleep(pause)
threads = [threading.Thread(target=look, args=(offset,)) for offset in offsets]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if "fork" in sys.argv and os.fork() == 0:
    try:
        look(20000000)
    except OSError:
        os._exit(5)
    os._exit(0)
look(22000000)
if "fork" in sys.argv and os.wait()[1] or left:
    sys.exit(4)
END

# lasts NAME SECONDS GIVEN ARGUMENT...: the reader reads, and so many sessions were given
lasts() {
    name=$1 given=$3
    echo "$2" >lasts
    shift 3
    begin
    run on env "$container" python3 far.py "$@"
    is "$name" [ "$status" = 0 ]
    is "$name: sessions" [ "$(said 'gave .*')" = "$given" ]
}
lasts "a session that lasts" 3600 1 7
lasts "one that ends soon is renewed, by one thread" 200 2 7
lasts "one that is refused in the middle is renewed, by one thread" '3600 4' 2 5
lasts "the child of a fork has its own" 3600 2 0 fork
echo '3600 3600 6' >lasts
begin
does "one that ends in the middle of an upload" 33000000 \
    env "$container" "$psctl" put large --store "$url?s3.part=5M" --key parts -o parts.psx
is "the upload: sessions" [ "$(said 'gave .*')" = 2 ]
echo '3600 0' >lasts
refuses "a session that has ended already" ExpiredToken "$container"
rm lasts
run on env "$container" cmp large parts.psx
is "the upload is whole" [ "$status" = 0 ]
finish
