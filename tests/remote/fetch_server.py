"""fetch_server.py PORT FILE: gives FILE's bytes, and notes what was asked for

An answer to GET /N/any waits until N requests for that are under way, or for half a second;
one of the second to fourth MiB of /held/any until there is a file "go".
The file "asked" has a line for each: its first byte, its size, and how many were under way.
"""
import collections
import http.server
import os
import re
import sys
import threading

data = open(sys.argv[2], "rb").read()
changed = threading.Condition()
running = collections.Counter()


def begin(path, first, size):
    with changed:
        running[path] += 1
        changed.notify_all()
        with open("asked", "a") as file:
            file.write("%d %d %d\n" % (first, size, running[path]))
        if not path.startswith("/held/"):
            changed.wait_for(lambda: running[path] >= int(path.split("/")[1]), 0.5)
        elif 1 << 20 <= first < 4 << 20:
            while not os.path.exists("go"):
                changed.wait(0.01)


def end(path):
    with changed:
        running[path] -= 1


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        first, last = int(found[1]), min(int(found[2]), len(data) - 1)
        body = data[first : last + 1]
        begin(self.path, first, len(body))
        self.send_response(206)
        self.send_header("ETag", '"one"')
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        end(self.path)
        self.wfile.write(body)


class Threads(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Threads(("127.0.0.1", int(sys.argv[1])), Server)
print("ready", flush=True)
server.serve_forever()
