"""swift_server.py FOLDER PORT PORT PORT PORT PORT: OpenStack Swift, as a server of S3, in one process

S3 is at the first port, for the user test:tester in the region eu-test-1, with a
bucket "bucket"; the next three are of its storage, and at the last one nobody
listens: it does without memcached. Needs extended attributes in FOLDER.
"""
import eventlet

eventlet.monkey_patch(all=False, socket=True, select=True, thread=True)

import array
import errno
import os
import sys
import time

from eventlet import wsgi
from swift.common import utils
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingData
from swift.common.swob import Request
from swift.common.wsgi import loadapp

STORAGE = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}
mount_check = false
disable_fallocate = true
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""
PROXY = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors cache s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{nobody}
[filter:s3api]
use = egg:swift#s3api
location = eu-test-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = se/cret+ .admin
[filter:slo]
use = egg:swift#slo
"""
KINDS = "account", "container", "object"
utils.HASH_PATH_SUFFIX = b"libps"  # else it would be read from /etc
folder = os.path.abspath(sys.argv[1])
s3, *storage, nobody = (int(port) for port in sys.argv[2:])


def load(name, text):
    path = os.path.join(folder, name + ".conf")
    with open(path, "w") as file:
        file.write(text.format(folder=folder, name=name, nobody=nobody))
    return loadapp(path, {"log_name": name})


def listen(port):
    """where one that was killed a moment ago may still be"""
    for _ in range(100):
        try:
            return eventlet.listen(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            time.sleep(0.1)
    return eventlet.listen(("127.0.0.1", port))


def serve(app, port):
    return eventlet.spawn(wsgi.server, listen(port), app, log_output=False,
                          protocol=SwiftHttpProtocol, capitalize_response_headers=False)


os.makedirs(os.path.join(folder, "disk"), exist_ok=True)  # it may be started again
for kind, port in zip(KINDS, storage):
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1, "device": "disk", "ip": "127.0.0.1", "port": port,
              "replication_ip": "127.0.0.1", "replication_port": port}
    RingData([array.array("H", [0] * 4)], [device], 30).save(os.path.join(folder, kind + ".ring.gz"))
    serve(load(kind, STORAGE), port)
# without anybody who checks who asks, who could not make a bucket by curl
inside = load("inside", PROXY.replace("catch_errors cache s3api tempauth slo ", ""))
made = Request.blank("/v1/AUTH_test/bucket", method="PUT").get_response(inside)
if made.status_int not in (201, 202):
    sys.exit(f"no bucket: {made.status}")
server = serve(load("s3", PROXY), s3)
print("ready", flush=True)
server.wait()
