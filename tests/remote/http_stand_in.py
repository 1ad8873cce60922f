"""http_stand_in.py PORT FILE: a server that gives FILE's bytes, and breaks as the path says

GET /good/any is well served. GET /MISCHIEF/any is, as long as no file "on" is
in the working folder; then each answer has the mischief.
What ends in /bare has no version.
"""
import http.server
import os
import re
import sys
import time

data = open(sys.argv[2], "rb").read()
TAG = '"one"'


def note(name, what):
    with open(name, "a") as file:
        file.write("%s\n" % what)


class Server(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if "Authorization" in self.headers:
            note("logins", self.headers["Authorization"])
        note("paths", self.path + " " + self.headers.get("Range", "-"))
        mischief = "good"
        if os.path.exists("on"):
            mischief = open("on").read() or self.path.split("/")[1]
        if mischief.startswith("back-"):
            return self.send_back(mischief[len("back-") :])
        if mischief == "endless-page":
            self.send_response(503)
            return self.send_endless(b"")
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
        elif mischief == "no-tag" or self.path.endswith("/bare"):
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
        if mischief == "endless":
            return self.send_endless(body)
        if mischief.startswith("unended"):
            return self.send_unended(body, mischief)
        if mischief == "no-length":
            self.send_header("Connection", "close")
            self.close_connection = True
            body = body[:-1]
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if mischief == "late":
            time.sleep(0.5)
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
        step = 50000 if mischief == "whole-slow" else len(body)
        for at in range(0, len(body), step or 1):
            self.wfile.write(body[at : at + step])
            time.sleep(0.02 if mischief == "whole-slow" else 0)

    def send_back(self, port):
        """to the same path but for its first step, with a long page about it"""
        page = b"gone " * 20000
        self.send_response(302)
        self.send_header("Location", "http://localhost:%s/%s" % (port, self.path.split("/", 2)[2]))
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def send_endless(self, body):
        """as long as somebody reads; more than the kernel keeps"""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        more = b"x" * 10000
        try:
            while True:
                for piece in body, more:
                    if piece:
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                body = b""
        except OSError:
            note("hung-up", 1)

    def send_unended(self, body, mischief):
        """all of it, but not that this is all"""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(b"%x\r\n%s\r\n" % (len(body), body))
        note("unended", 1)
        if mischief == "unended":
            time.sleep(20)

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
