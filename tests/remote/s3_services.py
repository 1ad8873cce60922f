"""s3_services.py: those who give credentials for a while, for s3_stand_in.py

The token service (a POST of a form to /), a container (/credentials/NAME) and
the metadata of an instance (/latest). Each session has a key of its own, and is
noted on stdout: "gave KEY to WHOM". Files of the working folder say how it goes:

    lasts     seconds that a session is said to last (3600), and perhaps two more
              numbers: after how many it is refused, and after how many uses
    mischief  what the services do instead
"""
import json
import threading
import time
import urllib.parse

sessions, used, refused, lock = {}, {}, {}, threading.Lock()
TOKEN = "metadata/token=="


def note(*words):
    with lock:
        print(*words, flush=True)


def has_ended(user):
    """each refusal comes later than the one before, when others have asked for another session"""
    note("used", user)
    with lock:
        used[user] = used.get(user, 0) + 1
        if used[user] <= sessions[user][3] and time.time() < sessions[user][2]:
            return False
        refused[user] = refused.get(user, -1) + 1
        wait = refused[user] * 0.3
    time.sleep(wait)
    return True


def read(name, default):
    try:
        with open(name) as file:
            return file.read().strip()
    except FileNotFoundError:
        return default


def session(whom):
    said, *more = [float(number) for number in read("lasts", "3600").split()]
    truly, uses = (more + [said, 1e9][len(more):])
    with lock:
        key = f"ASIA{len(sessions):04}"
        sessions[key] = ("s3cr/et+" + key, "t0ken/" + key + "==", time.time() + truly, uses)
    note("gave", key, "to", whom)
    end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + said))
    return key, *sessions[key][:2], end


def as_json(whom):
    key, secret, token, end = session(whom)
    # with what a reader of JSON must pass by, and escapes
    return json.dumps({
        "Code": "Success", "More": [{"AccessKeyId": "no", "x": "}]\\\""}, 1.5e3, None], "\u00e9": "\u00e9",
        "AccessKeyId": key, "SecretAccessKey": secret, "Token": token, "Expiration": end,
    }, indent=1).replace("/", "\\/").replace("==", "\\u003d=").encode()


def as_xml(whom):
    key, secret, token, end = session(whom)
    return (f"<R><Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>"
            f"<SessionToken>{token}</SessionToken><Expiration>{end}</Expiration></Credentials></R>").encode()


class Services:
    def serve_credentials(self, path, body):
        """whether it was for them"""
        kind = path.split("/")[1]
        if not (kind in ("latest", "credentials") or (self.command == "POST" and path == "/")):
            return False
        mischief = read("mischief", "")
        if mischief == "hang":
            note("hangs")
            time.sleep(3600)
        elif mischief == "html":
            self.answer(200, b"<html>Please log in</html>")
        elif mischief == "cut":
            self.answer(200, as_json("cut")[:60])
        elif mischief == "endless":
            self.answer(200, b"x" * 100000)
        elif mischief == "header":
            self.answer(200, as_json("header").replace(b'"Token": "', b'"Token": "x\\r\\nX-Other: '))
        elif mischief:
            self.refuse(int(mischief), "Mischief")
        elif kind == "latest":
            self.metadata(path)
        elif kind == "credentials":
            self.container(path)
        else:
            self.assume_role(dict(urllib.parse.parse_qsl(body)))
        return True

    def assume_role(self, form):
        if (form.get("Action"), form.get("Version")) != ("AssumeRoleWithWebIdentity", "2011-06-15"):
            return self.refuse(400, "InvalidAction")
        if form.get("RoleArn") != "arn:aws:iam::1:role/a+b":
            return self.refuse(403, "AccessDenied")
        if not form.get("WebIdentityToken", "").startswith("good.&+"):
            return self.refuse(400, "InvalidIdentityToken")
        self.answer(200, as_xml(f"{form['RoleSessionName']} with {form['WebIdentityToken']}"))

    def container(self, path):
        wanted = {"/credentials/token": "Basic c0ntainer"}.get(path)
        if self.headers.get("Authorization") != wanted:
            return self.refuse(401, "Unauthorized")
        self.answer(200, as_json("container"))

    def metadata(self, path):
        roles = "/latest/meta-data/iam/security-credentials/"
        if path == "/latest/api/token":
            lasting = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
            if self.command != "PUT" or not lasting.isdigit():
                return self.refuse(405, "MethodNotAllowed")
            note("metadata")
            return self.answer(200, TOKEN.encode())
        if self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
            return self.refuse(401, "Unauthorized")
        role = read("role", "")
        if path == roles and role:
            return self.answer(200, role.encode() + b"\n")
        if role and path == roles + role:
            return self.answer(200, as_json("instance"))
        self.refuse(404, "NotFound")
