"""redis_python.py SOCKET touch|part|put|all TIMES: what Python's redis takes for the bytes of redis.c

After redis.c's job of that name, whose keys are there. Prints python_ms=<the median>.
"""
import statistics
import sys
import time

import redis

LARGE, PART = 100_000_000, 10_000_000
socket, job, times = sys.argv[1:]
server = redis.Redis(unix_socket_path=socket)
value = bytes(LARGE)
run, size = {
    "touch": (lambda: server.get("touch-1"), 1000),
    "part": (lambda: server.getrange("value", 0, PART - 1), PART),
    "put": (lambda: value if server.set("other", value) else b"", LARGE),
    "all": (lambda: server.get("all-1"), LARGE),
}[job]
took = []
for _ in range(int(times)):
    begin = time.perf_counter()
    got = run()
    took.append((time.perf_counter() - begin) * 1000)
    if got is None or len(got) != size:
        sys.exit(f"not {size} bytes")
print(f"python_ms={statistics.median(took[1:]):.3f}")  # the first connects
