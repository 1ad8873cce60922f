#!/bin/sh
# huge_pages.sh: huge pages of shared memory make 511 zeros of a page that is written
#
# That it is so is shown first, by a memfd of the test's own; then each setting
# is set, a program maps and reads proxies, and the setting is put back.
# run: root alone no-asan (it runs forks, which is not)
set=/sys/kernel/mm/transparent_hugepage/shmem_enabled
[ -w $set ] || { echo "no $set that can be set"; exit 77; }
was=$(sed -n 's/.*\[\(.*\)\].*/\1/p' $set)
back() {
    echo "$was" >$set
}
trap back EXIT
trap 'exit 1' INT TERM HUP
bad=
for value in always within_size advise never; do
    echo $value >$set || continue
    if [ $value = always ] && [ "$("$BIN/huge_page")" = 1 ]; then
        echo "this kernel has no huge pages of shared memory"
        exit 77
    fi
    LD_PRELOAD=$PRELOAD "$BIN/map_reads" || { echo "mappings, $value"; bad=1; }
    LD_PRELOAD=$PRELOAD "$BIN/reads" || { echo "reads, $value"; bad=1; }
    LD_PRELOAD=$PRELOAD "$BIN/forks" || { echo "forks, $value"; bad=1; }
    LD_PRELOAD=$PRELOAD sh -c 'cksum <"$PX/small"' | grep -q "$(cksum <"$DATA/small")" ||
        { echo "inherited, $value"; bad=1; }
done
[ -z "$bad" ]
