#!/bin/sh
# make-data.sh DIR: the files that the programs of the table read, and the test readers
#
# DIR/data gets the files, DIR/bin the readers written in Fortran, C++ and Java. All
# is seeded; two runs give the same bytes, but for water.tpr. Does nothing when DIR is complete
# and was made by these scripts.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
[ $# = 1 ] || { echo "usage: make-data.sh DIR" >&2; exit 2; }
recipe=$(cat "$here"/make-data.* "$here"/reader.* | cksum)
[ "$(cat "$1/complete" 2>/dev/null)" != "$recipe" ] || exit 0

rm -rf "$1"
mkdir -p "$1/data" "$1/bin"
export LC_ALL=C TZ=UTC PATH=/usr/local/bin:/usr/bin:/bin
unset LD_PRELOAD
g++ -std=c++17 -O1 "$here/reader.cc" -o "$1/bin/reader-c++"
gfortran -O1 "$here/reader.f90" -o "$1/bin/reader-f"
javac -d "$1/bin" "$here/reader.java"
cat >"$1/bin/reader-java" <<'END'
#!/bin/sh
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -cp "${0%/*}" Reader "$@"
END
chmod 755 "$1/bin/reader-java"
top=$(cd "$1" && pwd)
cd "$1/data"

/usr/bin/python3 "$here/make-data.py"
"$top/bin/reader-f" write records.unf

gzip -nc medium.txt >text.gz
bzip2 -c medium.txt >text.bz2
xz -2c medium.txt >text.xz
zstd -qc medium.txt >text.zst

ncgen -k classic -o data.nc data.cdl
samtools view --no-PG -b -o reads.bam reads.sam
samtools index reads.bam
bcftools view --no-version -Oz -o variants.vcf.gz variants.vcf
bcftools index variants.vcf.gz
ffmpeg -v error -f lavfi -i testsrc=duration=8:size=320x240:rate=25 -f lavfi -i sine=duration=8 \
    -c:v mpeg4 -c:a pcm_s16le -fflags +bitexact -flags +bitexact -y media.mkv

lmp -in atoms.in -log none -screen none

# A box of water for GROMACS, and a short run of it
cp /usr/share/gromacs/top/spc216.gro water.gro
printf '%s\n' '#include "oplsaa.ff/forcefield.itp"' '#include "oplsaa.ff/spc.itp"' '[ system ]' water \
    '[ molecules ]' 'SOL 216' >water.top
printf '%s\n' 'nsteps = 50' 'nstxout-compressed = 10' 'nstenergy = 10' 'rcoulomb = 0.8' 'rvdw = 0.8' \
    'coulombtype = reaction-field' >water.mdp
gmx -quiet grompp -f water.mdp -c water.gro -p water.top -o water.tpr -po ../mdout.mdp >../grompp 2>&1
gmx -quiet mdrun -s water.tpr -deffnm ../water -reprod -nt 1 >../mdrun 2>&1
mv ../water.xtc ../water.edr .
rm ../water.* ../mdout.mdp ../grompp ../mdrun

gdal_translate -q -of GTiff -co TILED=YES -co COMPRESS=DEFLATE raster.asc raster.tif

# A history of a few files, as a pack and as a bundle.
export HOME="$top" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='@1700000000 +0000' \
    GIT_COMMITTER_DATE='@1700000000 +0000' GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
    GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
git init -q -b main ../repo
cp medium.txt numbers.txt ../repo
git -C ../repo add .
git -C ../repo commit -q -m first
cp left.txt right.txt ../repo
git -C ../repo add .
git -C ../repo commit -q -m second
git -C ../repo bundle create -q ../data/history.bundle main
git -C ../repo -c pack.threads=1 pack-objects -q --all ../data/pack </dev/null >../pack-name
for end in pack idx; do mv "pack-$(cat ../pack-name).$end" "pack.$end"; done

touch -d @1700000000 left.txt right.txt repeated.txt array.npy
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=644 -cf archive.tar \
    left.txt array.npy repeated.txt right.txt
rm -rf ../repo ../pack-name reads.sam variants.vcf data.cdl atoms.in

chmod 644 ./*
touch -d @1700000000 ./*
# An index must not be older than what it indexes.
touch -d @1700000001 ./*.bai ./*.csi
echo "$recipe" >"$top/complete"
