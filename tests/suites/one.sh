#!/bin/sh
# one.sh N WAY: run line N of the list natively or preloaded (WAY), for run.sh
#
# run.sh exports LIST, LIB, TEMP and USER_OF (what makes it another user, or nothing). Leaves the
# sorted results in $TEMP/N.WAY, and what else was said in $TEMP/N.WAY.said.
set -u

glib=/usr/libexec/installed-tests/glib
read -r kind name <<END
$(sed -n "${1}p" "$LIST")
END
results=$TEMP/$1.$2
place=$TEMP/in.$1.$2
preload=
[ "$2" = native ] || preload=LD_PRELOAD=$LIB
case $kind in
unittest) set -- /usr/bin/python3 "$TEMP/results.py" "$place/results" "$name" ;;
glib) set -- "$glib/$name" ;;
*) exit 1 ;;
esac
mkdir -m 777 "$place"
(cd "$place" && exec $USER_OF timeout -k 5 300 env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME="$place" \
    TMPDIR="$place" PYTHONDONTWRITEBYTECODE=1 $preload "$@") </dev/null >"$results.said" 2>&1
echo "status $?" >>"$results.said"
[ "$kind" != glib ] || grep -E '^(ok|not ok) ' "$results.said" >"$place/results"
# the status is a result as well
{ sort "$place/results" && tail -n 1 "$results.said"; } >"$results" 2>/dev/null
# its user may have left folders that not even their owner can write to
chmod -R u+rwX "$place" 2>/dev/null
rm -rf "$place"
