"""middle.py PROXY COMMAND: reads the beginning, runs the command, and reads the rest."""
import os, subprocess, sys
file = os.open(sys.argv[1], os.O_RDONLY)
got = os.pread(file, 4096, 0)
subprocess.run(sys.argv[2], shell=True, stdout=2, env={**os.environ, "LD_PRELOAD": ""})
while more := os.pread(file, 100000, len(got)):
    got += more
sys.stdout.buffer.write(got)
