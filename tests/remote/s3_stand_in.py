"""s3_stand_in.py PORT [ADDRESS]: a small S3 in memory, for buckets of any name; PORT 0: any port

It checks signatures (version 4) with its own arithmetic, for the users of USERS.
A bucket "open" may be read by anybody. By CONNECT it is what Amazon's hosts are. Uploads in parts are parts of 5M and more.
Files of the working folder say what goes wrong:

    waits     puts get no answer as long as it is there
    fault     what happens to objects, see fail()
    damage    how many bodies, that come or go whole, get another byte
    cut       the next whole object breaks off in the middle
    kind      the sum that is told of objects (sha256), and perhaps what it is said to be
    no_sums   the status by which headers about sums are refused
    no_parts  no sums of parts are known
    no_heads  the status by which HEAD is refused
    composite there is a sum of each part of an upload, and none of the whole; perhaps their sizes
    late_heads HEAD is answered when other requests have been, for a second
    odd_heads how HEAD of parts from the second on is answered: coded, or whole
    spoiled   which byte of each object is another one than its sums say
    list      what is wrong with lists, see list()
"""
import base64
import hashlib
import hmac
import http.server
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse

import s3_services

USERS = {"AKIDEXAMPLE": ("se/cret+", None), "ASIATEMPORARY": ("other", "to/ken==")}
# buckets are in the first region but for those "far...", which tell that in their own ways
REGIONS = "eu-test-1", "eu-far-2"
objects, uploads, late, lock = {}, {}, [], threading.Lock()
part_sizes, sums = {}, {}  # of objects that were put in parts; of bytes, by their kind and digest
CRCS = {"crc32": (32, 0xEDB88320), "crc32c": (32, 0x82F63B78), "crc64nvme": (64, 0x9A6C9329AC4BC9B5)}


def sum_of(kind, data):
    """as S3 writes it; with a bit at a time, as nothing else here is to know how"""
    if kind not in CRCS:
        return base64.b64encode(hashlib.new(kind, data).digest()).decode()
    bits, polynomial = CRCS[kind]
    rest = ones = (1 << bits) - 1
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (polynomial if rest & 1 else 0)
    return base64.b64encode((rest ^ ones).to_bytes(bits // 8, "big")).decode()


def sum_once(kind, data):
    key = kind, hashlib.sha256(data).digest()
    if key not in sums:
        sums[key] = sum_of(kind, data)
    return sums[key]


def spoil(data):
    at = int(s3_services.read("spoiled", "-1"))
    return data if at < 0 else data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :] if at < len(data) else data


def damage(data):
    """as many times as the file "damage" says"""
    left = int(s3_services.read("damage", "0"))
    if left == 0 or not data:
        return data
    with open("damage", "w") as file:
        file.write(str(left - 1))
    return bytes([data[0] ^ 4]) + data[1:]


def hmac_of(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def quote(text):
    return urllib.parse.quote(text, safe="-._~")


def region_of(bucket):
    return REGIONS[bucket.startswith("far")]


class Server(s3_services.Services, http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cut = None  # bytes of an answer after which its connection breaks

    def log_message(self, *arguments):
        pass

    def wrong_signature(self, path, query):
        given = self.headers.get("Authorization", "")
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
            r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})", given)
        if not found:
            return "AccessDenied"
        user, day, region, names, signature = found.groups()
        if user in USERS:
            secret, token = USERS[user]
        elif user in s3_services.sessions:
            secret, token = s3_services.sessions[user][:2]
            if s3_services.has_ended(user):
                return "ExpiredToken"
        else:
            return "InvalidAccessKeyId"
        if region != region_of(self.bucket):
            return "AuthorizationHeaderMalformed"
        if token != self.headers.get("x-amz-security-token"):
            return "InvalidToken"
        signed = {"host", "x-amz-date", "x-amz-content-sha256"} | ({"x-amz-security-token"} if token else set())
        moment = self.headers["x-amz-date"]
        if not signed <= set(names.split(";")) or not moment.startswith(day):
            return "AccessDenied"
        if abs(time.mktime(time.strptime(moment, "%Y%m%dT%H%M%SZ")) - time.timezone - time.time()) > 900:
            return "RequestTimeTooSkewed"
        pairs = sorted((quote(name), quote(value)) for name, value in query)
        canonical = "\n".join(
            [self.command, "/".join(quote(step) for step in path.split("/")),
             "&".join(f"{name}={value}" for name, value in pairs)]
            + [f"{name}:{self.headers[name].strip()}" for name in names.split(";")]
            + ["", names, self.headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", moment, f"{day}/{region}/s3/aws4_request",
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + secret).encode()
        for part in (day, region, "s3", "aws4_request"):
            key = hmac_of(key, part)
        if hmac_of(key, text).hex() != signature:
            return "SignatureDoesNotMatch"
        return None

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.cut])
        if self.cut is not None:
            self.cut, self.close_connection = None, True

    def refuse(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())

    def serve(self):
        parts = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(parts.path)
        query = urllib.parse.parse_qsl(parts.query, keep_blank_values=True)
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:  # given up
            self.close_connection = True
            return
        if self.serve_credentials(path, body.decode("latin-1")):
            return
        host = self.headers["Host"]
        amazon = re.fullmatch(r"(?:([a-z0-9-]+)\.)?s3\.([a-z0-9-]+)\.amazonaws\.com", host)
        place = f"/{amazon[1]}{path}" if amazon and amazon[1] else path
        self.bucket = place.split("/")[1]
        if amazon:
            print("at", host, flush=True)
        if amazon and amazon[2] != region_of(self.bucket):
            return self.move(301)
        is_open = self.bucket in ("open", "far-open") and self.command == "GET" and "Authorization" not in self.headers
        wrong = None if is_open else self.wrong_signature(path, query)
        if wrong == "AuthorizationHeaderMalformed":
            return self.move(400)
        if wrong:
            return self.refuse(403, wrong)
        fault = s3_services.read("fault", "").split()
        if fault and (self.command == "DELETE" if fault[0] == "keep" else place in objects):
            return self.fail(fault, *objects.get(place, (b"", "")))
        if self.command == "PUT" and os.path.exists("waits"):
            return self.wait(place, body)
        if self.refuses_sums():
            return
        if self.command == "HEAD" and os.path.exists("late_heads"):
            print("late", flush=True)
            time.sleep(1)
        with lock:
            if self.command == "PUT":
                body = damage(body)
            wrong = self.wrong_sum(body)
            if wrong:
                return self.refuse(400, wrong)
            getattr(self, "on_" + self.command)(place, dict(query), body)

    def refuses_sums(self):
        """as some do who have none: by the status that the file "no_sums" says"""
        status = int(s3_services.read("no_sums", "0"))
        named = [name.lower() for name in self.headers if name.lower().startswith("x-amz-checksum")]
        if status == 0 or not named:
            return False
        print("refused", *named, flush=True)
        said = f"<Code>InvalidArgument</Code><Message>Unsupported header '{named[0]}'</Message>"
        self.answer(status, f"<Error>{said if status == 400 else '<Code>NotImplemented</Code>'}</Error>".encode())
        return True

    def wrong_sum(self, body):
        signed = self.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        told = self.headers.get("x-amz-checksum-sha256")
        if self.command == "PUT":
            print("sum", "signed" if len(signed) == 64 else "none", "told" if told else "none", flush=True)
        if told and told != sum_of("sha256", body):
            return "BadDigest"
        if len(signed) == 64 and signed != hashlib.sha256(body).hexdigest():
            return "XAmzContentSHA256Mismatch"
        return None

    def fail(self, fault, data, tag):
        """what the file "fault" says: what, and how many bytes or seconds"""
        print("fault", flush=True)
        kind, number = fault[0], int((fault + [0])[1])
        if kind == "keep":
            if number == 1:
                os.remove("fault")
            return self.refuse(503, "SlowDown")
        if kind == "slow":
            return self.answer(503, b"<Error><Code>SlowDown</Code></Error>", Retry_After=str(number))
        if kind == "expired":
            return self.refuse(403, "ExpiredToken")
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(found[1]), int(found[2])) if found else (0, len(data) - 1)
        body = data[first : last + 1] + (b"x" if kind == "long" else b"")
        body = body[: len(body) - (kind == "short")]
        self.send_response(206)
        self.send_header("ETag", tag)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:number] if number else body)
        if kind == "reset" and len(body) > number:
            time.sleep(0.1)  # what is on its way would be dropped
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
        while kind == "stall" and os.path.exists("fault"):
            time.sleep(0.1)

    def wait(self, place, body):
        """until the file "waits" goes, with an answer that never comes; "late" is stored before"""
        with lock:
            if "late" in place:
                objects[place] = (body, '"late"')
        print("waits", place, flush=True)
        while os.path.exists("waits"):
            time.sleep(0.1)
        self.close_connection = True

    def move(self, status):
        """where its bucket is: in a header, in an element, as a host, or in no word"""
        region = region_of(self.bucket)
        way = self.bucket[3:].strip("-")
        print("moved", flush=True)
        if way == "slow": # until others have asked, too; and then one after the other
            with lock:
                late.append(self)
            time.sleep(0.3 + 0.1 * len(late))
        if way == "host":
            more = f"<Endpoint>{self.bucket}.s3-{region}.amazonaws.com</Endpoint>"
        elif way == "evil":
            more = "<Region>evil.example/x</Region><Endpoint>s3.eu-far-2.evil.example</Endpoint>"
        elif way == "liar":
            more = f"<Region>eu-far-{time.time_ns()}</Region>"
        elif way in ("none", "header"):
            more = ""
        else:
            more = f"<Region>{region}</Region>"
        headers = {"x_amz_bucket_region": region} if way == "header" else {}
        self.answer(status, f"<Error><Code>Moved</Code>{more}</Error>".encode(), **headers)

    def do_CONNECT(self):
        """as if it were Amazon's own, when there is a certificate for that"""
        self.send_response(200)
        self.end_headers()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("certificate", "key")
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.close_connection = False

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = serve

    def on_HEAD(self, path, query, body):
        number = int(query.get("partNumber", "0"))
        status = int(s3_services.read("no_heads", "404" if path not in objects else "200"))
        data, tag = objects.get(path, (b"", ""))
        sizes = [int(size) for size in s3_services.read("composite", "").split()]
        sizes = sizes if sum(sizes) == len(data) else part_sizes.get(path, [len(data)])
        print("head", number, flush=True)
        is_of_parts = os.path.exists("composite") and path in part_sizes
        odd = s3_services.read("odd_heads", "").strip() if number > 1 else ""
        if odd == "whole":
            number, is_of_parts = 0, False
        if status == 200 and self.headers.get("If-Match", tag) != tag:
            status = 412
        self.send_response(206 if status == 200 and number else status)
        self.send_header("ETag", tag)
        first = sum(sizes[: number - 1]) if number else 0
        size = sizes[number - 1] if number else len(data)
        self.send_header("Content-Length", str(size if status == 200 else 0))
        if number:
            self.send_header("Content-Range", f"bytes {first}-{first + size - 1}/{len(data)}")
        kind = s3_services.read("kind", "sha256").split()[0]
        if odd == "coded":
            self.send_header("Content-Encoding", "gzip")
        if kind != "none" and self.headers.get("x-amz-checksum-mode") == "ENABLED":
            told = sum_once(kind, data[first : first + size] if is_of_parts else data)
            self.send_header("x-amz-checksum-" + kind, told + ("" if number or not is_of_parts else f"-{len(sizes)}"))
            self.send_header("x-amz-checksum-type", "COMPOSITE" if is_of_parts else "FULL_OBJECT")
        self.end_headers()

    def on_GET(self, path, query, body):
        if query.get("list-type") == "2":
            return self.list(path.rstrip("/") + "/", query)
        if path not in objects:
            return self.refuse(404, "NoSuchKey")
        data, tag = objects[path]
        if self.headers.get("If-Match", tag) != tag:
            return self.refuse(412, "PreconditionFailed")
        whole, data = data, spoil(data)
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not found:
            kind, given = s3_services.read("kind", "sha256").split(), {}
            if self.headers.get("x-amz-checksum-mode") == "ENABLED" and kind[0] != "none":
                told = kind[1] if len(kind) > 1 else sum_of(kind[0], whole)
                given = {"x_amz_checksum_" + kind[0]: told, "x_amz_checksum_type": "FULL_OBJECT"}
                print("told", kind[0], flush=True)
            data = damage(data)
            if os.path.exists("cut"):
                os.remove("cut")
                self.cut = len(data) // 2
            return self.answer(200, data, ETag=tag, **given)
        first, last = int(found[1]), min(int(found[2]), len(data) - 1)
        if first >= len(data):
            return self.answer(416, Content_Range=f"bytes */{len(data)}")
        self.answer(206, data[first : last + 1], ETag=tag, Content_Range=f"bytes {first}-{last}/{len(data)}")

    def list(self, bucket, query):
        """two entries a page, by tokens with all that a token may have in it"""
        wrong = s3_services.read("list", "")
        prefix, found = query.get("prefix", ""), set()
        for path in objects:
            if path.startswith(bucket + prefix):
                name, slash, rest = path[len(bucket + prefix) :].partition(query.get("delimiter", "\0"))
                found.add((prefix + name + slash, not slash))
        first = int(query.get("continuation-token", "0/+=&").split("/")[0])
        page = sorted(found)[first : first + 2]
        encode = urllib.parse.quote_plus if query.get("encoding-type") == "url" else str
        text = "<?xml version='1.0'?>\n<ListBucketResult xmlns='x'><Prefix>p</Prefix><EncodingType>url</EncodingType>"
        if len(found) > first + 2 or wrong == "loop":
            text += f"<IsTruncated>true</IsTruncated><NextContinuationToken>{first + 2 * (wrong != 'loop')}/+="
            text += "</NextContinuationToken>"
        for key, is_object in page:
            if is_object:
                data, tag = objects[bucket + key]
                tag = tag.replace('"', "&quot;")
                text += f"<Contents><Key>{encode(key)}</Key><ETag>{tag}</ETag><Size>{len(data)}</Size></Contents>"
            else:
                text += f"<CommonPrefixes><Prefix>{encode(key)}</Prefix></CommonPrefixes>"
        text += "</ListBucketResult>"
        print("listed", flush=True)
        if wrong == "plain":
            text = text.replace("<EncodingType>url</EncodingType>", "")
        elif wrong == "cut":
            text = text[: -len("</ListBucketResult>") - 9]
        elif wrong == "page":
            text = "<html>Please log in</html>"
        elif wrong == "other":
            text = text.replace("<Key>", "<Key>other%2F")
        elif wrong == "size":
            text = text.replace("<Size>", "<Size>-")
        elif wrong == "tag":
            text = text.replace("ETag>", "Tag>")
        elif wrong == "endless":
            text = "<x/>" * (5 << 20)
        elif wrong == "500":
            return self.refuse(500, "InternalError")
        self.answer(200, text.encode())

    def on_PUT(self, path, query, body):
        tag = '"' + hashlib.md5(body).hexdigest() + '"'
        if "uploadId" not in query:
            objects[path] = (body, tag)
            part_sizes.pop(path, None)
        elif query["uploadId"] not in uploads:
            return self.refuse(404, "NoSuchUpload")
        elif query["partNumber"] == "2" and "fails" in path:
            return self.refuse(403, "AccessDenied")
        else:
            told = self.headers.get("x-amz-checksum-sha256", "")  # by then it was compared
            uploads[query["uploadId"]][int(query["partNumber"])] = (body, tag, told)
        self.answer(200, ETag=tag)

    def on_POST(self, path, query, body):
        if "uploads" in query:
            name = f"id/{len(uploads)}+"
            uploads[name] = {}
            algorithm = self.headers.get("x-amz-checksum-algorithm")
            given = {"x_amz_checksum_algorithm": algorithm} if algorithm and not os.path.exists("no_parts") else {}
            return self.answer(200, f"<R><UploadId>{name}</UploadId></R>".encode(), **given)
        parts = uploads.pop(query["uploadId"])
        listed = re.findall(r"<Part><PartNumber>(\d+)</PartNumber><ETag>([^<]*)</ETag>"
                            r"(?:<ChecksumSHA256>([^<]*)</ChecksumSHA256>)?</Part>", body.decode())
        wanted = [(n, parts[n][1], parts[n][2]) for n in sorted(parts)]
        small = any(len(parts[number][0]) < 5 << 20 for number in sorted(parts)[:-1])
        if [(int(number), tag, told) for number, tag, told in listed] != wanted or small:
            return self.answer(200, b"<Error><Code>InvalidPart</Code></Error>")
        data = b"".join(parts[number][0] for number in sorted(parts))
        tag = f"{hashlib.md5(data).hexdigest()}-{len(parts)}"
        if "breaks" in path:
            return self.answer(200, b"<Error><Code>InternalError</Code></Error>")
        objects[path] = (data, f'"{tag}"')
        part_sizes[path] = [len(parts[number][0]) for number in sorted(parts)]
        self.answer(200, f"<R><ETag>&quot;{tag}&quot;</ETag></R>".encode())

    def on_DELETE(self, path, query, body):
        if "uploadId" in query:
            uploads.pop(query["uploadId"], None)
        else:
            objects.pop(path, None)
        print("uploads", len(uploads), flush=True)
        self.answer(204)


http.server.ThreadingHTTPServer.request_queue_size = 64  # else who comes sixth at once waits a second
address = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
server = http.server.ThreadingHTTPServer((address, int(sys.argv[1])), Server)
server.daemon_threads = True
print("ready", server.server_address[1], flush=True)
server.serve_forever()
