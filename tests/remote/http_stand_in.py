"""http_stand_in.py PORT FILE: a server that gives FILE's bytes, and breaks as the path says

GET /good/any is well served. GET /MISCHIEF/any is, as long as no file "on" is
in the working folder; then each answer has the mischief.
"""
import http.server
import os
import re
import sys
import time

data = open(sys.argv[2], "rb").read()
TAG = '"one"'


def note(name, number):
    with open(name, "a") as file:
        file.write("%d\n" % number)


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        mischief = self.path.split("/")[1] if os.path.exists("on") else "good"
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(found[1]), int(found[2])) if found else (0, len(data) - 1)
        last = min(last, len(data) - 1)
        if mischief.isdigit():
            return self.refuse(int(mischief))
        if mischief.startswith("after-"):
            return self.refuse(503, mischief[len("after-") :])
        if mischief.startswith("limit-"):
            return self.refuse(429, mischief[len("limit-") :])
        if mischief.startswith("whole"):
            found, first, last = None, 0, len(data) - 1
        body = data[first : last + 1]
        status, headers = (206 if found else 200), {"ETag": TAG}
        length, total = len(body), len(data)
        if mischief == "short":
            body = body[:-1]
            length -= 1
        elif mischief == "long":
            body += b"x"
            length += 1
        elif mischief == "other-range":
            first, last = first + 1, last + 1
        elif mischief == "other-tag":
            headers["ETag"] = '"two"'
        elif mischief == "no-tag":
            del headers["ETag"]
        elif mischief == "other-size":
            total += 1
        elif mischief == "no-range":
            found = None
        elif mischief == "coded":
            headers["Content-Encoding"] = "gzip"
        elif mischief == "page":
            status, found, body = 200, None, b"<html>Please log in</html>"
            length = len(body)
        elif mischief == "chatter":
            headers["X-Much"] = "x" * 70000
        if mischief in ("head", "noise"):
            head = f"HTTP/1.1 206 P\r\nContent-Range: bytes {first}-{last}/{total}\r\nETag: "
            self.wfile.write(head.encode() if mischief == "head" else b"220 ready\r\n")
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if found:
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        if mischief == "no-length":
            self.send_header("Connection", "close")
            self.close_connection = True
            body = body[:-1]
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if mischief == "cut" and len(body) > 300000:
            body = body[:300000]
            self.close_connection = True
        if mischief == "cut-late":
            time.sleep(1)
            body = body[:100000]
            self.close_connection = True
        note("moved", len(body))
        if mischief in ("reset", "stall", "drip", "whole-stall", "whole-drip"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if mischief.endswith("stall"):
                time.sleep(20)
            while mischief.endswith("drip"):
                time.sleep(0.3)
                self.wfile.write(b"x")
            self.close_connection = True
            return
        self.wfile.write(body)

    def do_CONNECT(self):
        self.refuse(407)

    def refuse(self, status, after=""):
        note("asked", 1)
        page = b"<html>%d</html>" % status
        self.send_response(status)
        if after == "date":
            self.send_header("Retry-After", self.date_time_string(int(time.time()) + 2))
        elif after:
            self.send_header("Retry-After", after)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


http.server.ThreadingHTTPServer.request_queue_size = 64  # else who comes sixth at once waits a second
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Server)
server.daemon_threads = True
print("ready", flush=True)
server.serve_forever()
