"""make-data.py: the data files that need a program to be written (see make-data.sh)

Runs in the data folder. Everything is seeded: two runs give the same bytes.
"""
import random
import sqlite3

import h5py
import numpy

rng = random.Random(4711)

# Words of growing length and rarity, some of them outside ASCII.
WORDS = ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(2 + i // 60)) for i in range(500)]
WORDS += ["Größe", "naïve", "Δt", "漢字", "x²"]


def sentence(count):
    return " ".join(rng.choices(WORDS, k=count))


def text(path, size):
    """Lines of 0 to 40 words; of every million bytes one line is 50 kB, and one in the middle is 2 MB."""
    written, next_long, middle = 0, 1_000_000, False
    with open(path, "wb") as out:
        while written < size:
            if written >= next_long:
                line, next_long = sentence(6000), next_long + 1_000_000
            elif not middle and written > size // 2:
                line, middle = sentence(200_000)[: 2_000_000], True
            elif rng.random() < 0.001:
                line = f"needle {written}"
            else:
                line = sentence(rng.randrange(40))
            written += out.write((line + "\n").encode())


def columns():
    """Tables for sort, cut, join and awk."""
    with open("numbers.txt", "w") as out:
        for i in range(100_000):
            out.write(f"{rng.randrange(10**6)} {rng.random():.6f} {rng.gauss(0, 1e3):.4e}\n")
    for name in "left.txt", "right.txt":
        keys = sorted({f"{rng.randrange(200_000):06}" for _ in range(60_000)})
        with open(name, "w") as out:
            for key in keys:
                out.write(f"{key} {rng.choice(WORDS)}\n")
    with open("repeated.txt", "w") as out:
        for i in range(60_000):
            out.write(f"{rng.choice(WORDS[:20])}\n" * rng.randrange(1, 5))


def database():
    db = sqlite3.connect("data.db", isolation_level=None)
    db.execute("pragma page_size = 4096")
    db.execute("pragma journal_mode = off")
    db.execute("create table t (id integer primary key, name text, place real, note text)")
    db.execute("begin")
    db.executemany(
        "insert into t values (?, ?, ?, ?)",
        ((i, f"n{i * 7919 % 230_003}", rng.random(), sentence(12)) for i in range(230_000)),
    )
    db.execute("create index t_name on t (name)")
    db.execute("commit")
    db.close()


def arrays():
    values = numpy.random.default_rng(4711).normal(size=1_500_000)
    numpy.save("array.npy", values)
    numpy.savez("arrays.npz", a=values[:50_000], b=numpy.arange(50_000))
    values[:1_000_000].tofile("raw.f64")
    with h5py.File("data.h5", "w", libver="earliest") as h5:
        h5.create_dataset("mesh/x", data=values[:1_000_000], track_times=False)
        h5.create_dataset("mesh/cells", data=numpy.arange(300_000, dtype="i4").reshape(-1, 3), track_times=False)
        h5.create_dataset("small", data=values[:500], track_times=False)
        h5.create_dataset("packed", data=values[:200_000].round(2), chunks=(10_000,), compression="gzip",
                          shuffle=True, track_times=False)
        h5.create_dataset("names", data=[w.encode() for w in WORDS[:100]], track_times=False)
        h5["mesh"].attrs["unit"] = "m"


def netcdf():
    """The text from which ncgen makes a classic file with four variables."""
    n = 100_000
    with open("data.cdl", "w") as out:
        out.write(f"netcdf data {{\ndimensions: n = {n}; t = UNLIMITED;\nvariables: double a(n); float b(n);\n")
        out.write("int c(n); a:units = \"K\"; double step(t);\n:title = \"test\";\ndata:\n")
        for name in "abc":
            show = (lambda: f"{rng.randrange(10**6)}") if name == "c" else (lambda: f"{rng.random():.5f}")
            out.write(f"{name} = " + ",".join(show() for _ in range(n)) + ";\n")
        out.write("step = " + ",".join(str(i * 0.5) for i in range(1000)) + ";\n}\n")


def genomes():
    """A sorted SAM and a VCF of two chromosomes."""
    length = {"chr1": 5_000_000, "chr2": 3_000_000}
    bases = "".join(rng.choices("ACGT", k=200_000))
    qualities = "".join(rng.choices("FFFF:,#", k=200_000))
    with open("reads.sam", "w") as out:
        out.write("@HD\tVN:1.6\tSO:coordinate\n")
        out.writelines(f"@SQ\tSN:{name}\tLN:{size}\n" for name, size in length.items())
        for name, size in length.items():
            for i, place in enumerate(sorted(rng.randrange(1, size - 100) for _ in range(50_000))):
                at = rng.randrange(199_900)
                out.write(f"r{name[3]}.{i}\t{rng.choice((0, 16, 1024))}\t{name}\t{place}\t{rng.randrange(61)}\t"
                          f"100M\t*\t0\t0\t{bases[at:at + 100]}\t{qualities[at:at + 100]}\n")
    with open("variants.vcf", "w") as out:
        out.write("##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description=\"All\">\n")
        out.write("##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Depth\">\n")
        out.writelines(f"##contig=<ID={name},length={size}>\n" for name, size in length.items())
        out.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
        for name, size in length.items():
            for place in sorted(rng.sample(range(1, size), 50_000)):
                ref, alt = rng.sample("ACGT", 2)
                out.write(f"{name}\t{place}\trs{rng.randrange(10**9)}\t{ref}\t{alt}\t{rng.randrange(1000)}\tPASS\t"
                          f"DP={rng.randrange(200)}\n")


def atoms():
    """A box of atoms for LAMMPS, and the commands that make a binary restart file of it."""
    n, apart = 14, 1.7
    with open("atoms.data", "w") as out:
        out.write(f"atoms\n\n{n ** 3} atoms\n1 atom types\n\n")
        out.writelines(f"0 {n * apart} {axis}lo {axis}hi\n" for axis in "xyz")
        out.write("\nMasses\n\n1 1.0\n\nAtoms # atomic\n\n")
        for i in range(n ** 3):
            out.write(f"{i + 1} 1 {i // n // n * apart:.3f} {i // n % n * apart:.3f} {i % n * apart:.3f}\n")
        out.write("\nVelocities\n\n")
        out.writelines(f"{i + 1} {rng.gauss(0, 1):.5f} {rng.gauss(0, 1):.5f} 0.5\n" for i in range(n ** 3))
    with open("atoms.in", "w") as out:
        out.write("units lj\natom_style atomic\nread_data atoms.data\npair_style lj/cut 2.5\n"
                  "pair_coeff 1 1 1 1\nfix 1 all nve\nrun 10\nwrite_restart atoms.restart\n")


def raster():
    """Heights, as text; make-data.sh makes a TIFF of them."""
    with open("raster.asc", "w") as out:
        out.write("ncols 900\nnrows 600\nxllcorner 10\nyllcorner 45\ncellsize 0.01\n")
        for row in range(600):
            out.write(" ".join(str(row * column % 2000 + rng.randrange(9)) for column in range(900)) + "\n")


text("big.txt", 20_000_000)
text("medium.txt", 3_000_000)
with open("exact.txt", "wb") as out:  # as long as a proxy file
    out.write(open("medium.txt", "rb").read(4093))
open("empty.txt", "w").close()
columns()
database()
arrays()
netcdf()
genomes()
atoms()
raster()
