# backend.sh: a backend of one's own, as docs/BACKENDS.md says, and the wrapper trace

# --- the guide's own lines, with the tree's example ---
root=$(cd "$here/../.." && pwd)
mkdir guide "$tmp/inst/lib/pkgconfig"
ln -s libps.so.1 "$tmp/inst/lib/libps.so"
sed "s|@PREFIX@|$tmp/inst|; s|@LIBDIR@|$tmp/inst/lib|; s|@INCLUDEDIR@|$root/include|; s|@VERSION@|0|" \
    "$root/libps.pc.in" >"$tmp/inst/lib/pkgconfig/libps.pc"
cp "$root/examples/backend_dvc.c" a.txt guide/
mv guide/a.txt guide/data
sed -n '/^```sh$/,/^```$/p' "$root/docs/BACKENDS.md" | sed '/^```/d' >guide/lines.sh
is "the example has under 100 lines" [ "$(wc -l <guide/backend_dvc.c)" -lt 100 ]
if command -v pkg-config >/dev/null && command -v cc >/dev/null; then
    does "the guide's lines build a backend, and md5sum reads by it" \
        "^$(md5sum <a.txt | cut -c 1-32)  data.psx\$" \
        env PKG_CONFIG_PATH="$tmp/inst/lib/pkgconfig" PATH="$tmp/inst/bin:$PATH" \
        sh -euc 'cd guide && . ./lines.sh'
    is "the proxy names the guide's scheme" grep -q "object: dvc://$PWD/guide/cache/" guide/data.psx
    fails "without its module the scheme is unknown" "unknown scheme 'dvc'" \
        "$psctl" get guide/data.psx
    rm -r guide/cache
    fails "an object that is gone from the backend" 'No such file' \
        env PS_BACKEND_PATH="$PWD/guide" "$psctl" get guide/data.psx
else
    skip "the guide's lines build a backend" "no cc or no pkg-config"
fi

# --- trace ---
seq 100000 >folder/huge
"$psctl" proxy "trace+delay+file://$tmp/w/folder/huge?delay.latency=0" -o traced.psx >/dev/null
does "run of a traced object without PS_TRACE" '^100000$' "$psctl" run -- tail -n 1 traced.psx
does "run of a traced object" '^100000$' env PS_TRACE="$PWD/calls" "$psctl" run -- cat traced.psx
is "the trace has every byte once" \
    awk '$3 == "read" && $4 == "huge" && $8 == "ok" { sum += $6 } NF != 8 { exit 1 }
        END { exit sum != 588895 }' calls
is "the trace is for its user alone" [ "$(stat -c %a calls)" = 600 ]
before=$(wc -l <calls)
run env PS_TRACE="$PWD/calls" "$psctl" run -- sh -c 'cat traced.psx | wc -c; md5sum traced.psx'
is "processes append to one trace" \
    awk -v before="$before" 'NF != 8 { exit 1 } NR > before { seen[$2] = 1 }
        END { n = 0; for (pid in seen) n++; exit n != 2 }' calls
ends "a trace that can't be written stops the open" 1 \
    env PS_TRACE="$PWD/none/calls" "$psctl" run -- cat traced.psx
is "a trace that can't be written is named" grep -q "PS_TRACE: opening $PWD/none/calls: No such" "$err"
