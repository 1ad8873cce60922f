# ls.sh: lists of stores
mkdir lists && cd lists || exit 1
seq 3000 >a.txt
for key in one 'two words' three; do
    "$psctl" put a.txt -o ls.psx --store "file://$PWD/ls" --key "$key" >/dev/null
done
mkdir ls/folder
ln -s one ls/link
: >ls/.half.0123456789abcdef.tmp
: >ls/.mine.tmp
run "$psctl" ls "file://$PWD/ls"
is "ls lists the objects, and nothing else" \
    [ "$(cut -f 1,2 "$out" | sort | tr '\t\n' '  ')" = ".mine.tmp 0 one 13893 three 13893 two words 13893 " ]
version=$("$psctl" info "$PWD/ls.psx" | sed -n 's/^version: *//p')
is "ls tells versions" [ "$(grep -c "^three	13893	$version\$" "$out")" = 1 ]
run "$psctl" ls --json "trace+retry+delay+file://$PWD/ls?delay.latency=0"
is "ls --json is a JSON object a line" \
    sh -c 'while read -r line; do echo "$line" | python3 -m json.tool; done <"$0" | grep -c "\"key\":" | grep -qx 4' "$out"
does "ls of the default store" . "$psctl" ls
"$psctl" put a.txt -o s.psx --store s --key named >/dev/null
does "ls of a store by its name" '^named	' "$psctl" ls s
mkdir none
is "ls of an empty store prints nothing" [ -z "$("$psctl" ls "file://$PWD/none")" ]
fails "ls of a store that is not there" 'No such file' "$psctl" ls "file://$PWD/no"
fails "ls of a store that is not configured" nosuch "$psctl" ls nosuch
fails "ls of a store without a list" "can't" "$psctl" ls http://127.0.0.1:1/
fails "ls of a store that fails" 'on purpose' "$psctl" ls "fail+file://$PWD/ls?fail.at=2"
misuse "ls of two stores" 'too many' "$psctl" ls s s
for i in $(seq 2000); do : >"none/a-long-name-for-an-object-so-that-a-pipe-is-full-$i"; done
is "ls into a pipe that is closed ends quietly" \
    sh -c '("$0" ls "file://$PWD/none"; echo $? >status) 2>said | head -n 1 >/dev/null
        [ "$(cat status)" = 141 ] && [ ! -s said ]' "$psctl"
run sh -c '"$0" ls "file://$PWD/none" >/dev/full' "$psctl"
is "ls onto a full device" [ $status = 1 ]
cd .. || exit 1
