# s3_list_test.sh: which objects there are, by the stand-in and by Swift
. "$HERE/common.sh"
ports=$(free_ports 6)
port=${ports%% *}
stand_in s3_stand_in "$port"
mv stand_in stand_in.s3
# shellcheck disable=SC2086 # five words
stand_in swift_server "$tmp/swift" ${ports#* }
rest=${ports#* }
swift=http://127.0.0.1:${rest%% *}
head -c 12345 /dev/urandom >a
head -c 6000000 /dev/urandom >large
: >empty
export AWS_REGION=eu-test-1 AWS_SECRET_ACCESS_KEY='se/cret+'

# listed NAME URL SIZE KEY...: these are there, and "info" says of each what the list said
listed() {
    name=$1
    run "$psctl" ls "$2"
    is "$name" [ "$status" = 0 ]
    shift 2
    printf '%s\n' "$@" | sort >wanted
    cut -f 1,2 "$out" | tr '\t' ' ' | sort >found
    is "$name: all" cmp -s wanted found
}

for server in "http://127.0.0.1:$port AKIDEXAMPLE" "$swift test:tester"; do
    export AWS_ENDPOINT_URL_S3="${server% *}" AWS_ACCESS_KEY_ID="${server#* }"
    case $server in *AKID*) of="the stand-in" ;; *) of=Swift ;; esac
    url='s3://bucket/pre%20f+x/%25&ä'
    run "$psctl" ls "$url"
    is "nothing is there: $of" [ "$status$(cat "$out")" = 0 ]
    for key in a 'b c' 'd+e' '%2F&<>"' 'ä=~'; do
        "$psctl" put a --store "$url" --key "$key" -o x.psx --force >"$out"
    done
    "$psctl" put empty --store "$url" --key empty -o x.psx --force >"$out"
    "$psctl" put large --store "$url?s3.part=5M" --key large -o large.psx --force >"$out"
    "$psctl" put a --store "$url/below" --key hidden -o x.psx --force >"$out"
    "$psctl" put a --store "${url}x" --key hidden -o x.psx --force >"$out"
    "$psctl" put a --store s3://bucket --key top -o x.psx --force >"$out"
    listed "those of a store: $of" "$url" 'a 12345' 'b c 12345' 'd+e 12345' '%2F&<>" 12345' 'ä=~ 12345' 'empty 0' 'large 6000000'
    "$psctl" ls "$url" | sed -n 's/^large\t[0-9]*\t//p' >version
    is "a version is that of the object: $of" sh -c "[ -s version ] && grep -qF \"\$(sed 's/\"//g' version)\" large.psx"
    listed "those of a bucket: $of" s3://bucket 'top 12345'
    listed "another region: $of" s3://bucket/ 'top 12345'
    AWS_SECRET_ACCESS_KEY=x fails "a wrong secret: $of" SignatureDoesNotMatch "$psctl" ls "$url"
done
fails "no bucket" NoSuchBucket "$psctl" ls s3://nothing

# --- what a server says that is no list ---
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=AKIDEXAMPLE
is "page after page" [ "$(grep -c '^listed' stand_in.s3)" -ge 4 ]
while read -r wrong pattern; do
    echo "$wrong" >list
    run "$psctl" ls "$url"
    is "no list: $wrong" [ "$status $(grep -c "^psctl: .*$pattern" "$err")" = "1 1" ]
done <<END
plain no encoded keys
cut no list of objects
page no list of objects
other no list of objects
size no list of objects
tag no list of objects
loop no list of objects
endless no room
500 HTTP status 500
END
rm list
finish
