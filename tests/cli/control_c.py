"""control_c.py: Control-C at a terminal meets the program once, and psctl waits for its end

usage: control_c.py PSCTL [SHELL-WORD...]
"""
import os
import pty
import signal
import sys

SCRIPT = """trap 'echo got' INT; echo ready
i=0; while [ $i -lt 10 ]; do sleep 0.1; i=$((i + 1)); done; exit 9"""

pid, terminal = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nohup and the like have it ignored
    os.execv(sys.argv[1], ["psctl", "run", "--stats", "--", *sys.argv[2:], "sh", "-c", SCRIPT])

seen = b""
sent = False
try:
    while part := os.read(terminal, 1000):
        seen += part
        if b"ready" in seen and not sent:
            os.write(terminal, b"\x03")
            sent = True
except OSError:
    pass  # the other end is closed: the program has ended
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(seen, status)
sys.exit(not (status == 9 and seen.count(b"got") == 1 and b"met no proxy" in seen))
