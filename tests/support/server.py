"""A throw-away server for scripts: `with Server(binary, app=…) as server:` on a free port and an empty data folder."""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


ENGINES = ("sqlite", "postgres")
SECRET = "a secret of the scripts, which nobody else has to know"


@contextlib.contextmanager
def database(engine, name="script"):
    """Settings for a server on this engine; on PostgreSQL with a database of its own in the cluster of tests/cluster, named
    so that scripts and what they do at once are told apart."""
    if engine == "sqlite":
        yield {}
        return
    cluster = os.environ["BASALT_TEST_POSTGRES"]
    name = f"basalt_{name}_{os.getpid()}"
    psql(cluster, f"drop database if exists {name} with (force)")
    psql(cluster, f"create database {name}")
    try:
        yield {"BASALT_DATABASE_URL": f"{cluster.rsplit('/', 1)[0]}/{name}", "BASALT_SECRET": SECRET,
               "BASALT_SINGLE_NODE": "true"}
    finally:
        psql(cluster, f"drop database {name} with (force)")


def psql(url, statement):
    """What it answers, as plain text."""
    command = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--command", statement, url]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Server:
    def __init__(self, binary, app=None, settings=None):
        self.binary = pathlib.Path(binary).resolve()
        self.app = app
        self.settings = settings or {}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.data = os.path.join(self.folder.name, "data")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{self.address}"
        command = [self.binary, "serve", "--listen", self.address, "--data", self.data]
        if self.app:
            command += ["--app", str(self.app)]
        self.log_path = os.path.join(self.folder.name, "server.log")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(command, cwd=self.folder.name, stdout=log, stderr=log, env=self.environment())
        self._wait_until_ready()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def stop(self):
        """A graceful end; the data stay until the `with` is left."""
        self.process.terminate()
        if self.process.wait(timeout=60):
            raise SystemExit(f"the server ended badly:\n{self.log()}")

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BASALT_")}
        return {**kept, **self.settings}

    def _wait_until_ready(self):
        limit = time.monotonic() + 30
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health/ready", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None or time.monotonic() > limit:
                    raise SystemExit(f"the server did not start:\n{self.log()}")
                time.sleep(0.02)

    def log(self):
        return pathlib.Path(self.log_path).read_text()

    def run(self, *arguments):
        """Another command of the binary on the same data; its JSON answer."""
        command = [self.binary, *arguments, "--data", self.data, "--json"]
        output = subprocess.run(command, env=self.environment(), capture_output=True, text=True)
        if output.returncode:
            raise SystemExit(f"{arguments}: {output.stdout}{output.stderr}")
        return json.loads(output.stdout)

    def key(self, scopes="*"):
        return self.run("keys", "create", "--scopes", scopes)["key"]

    def operator(self, email="owner@example.com"):
        """The headers of a new owner's session, as the browser would send them from a page of the server's own."""
        password = self.run("operator", "create", "--email", email)["password"]
        body = json.dumps({"email": email, "password": password}).encode()
        login = urllib.request.Request(f"{self.url}/v1/admin/login", body, {"content-type": "application/json"})
        with urllib.request.urlopen(login, timeout=60) as answer:
            cookie = answer.headers["set-cookie"].split(";")[0]
        return {"Cookie": cookie, "Origin": self.url}

    def send(self, method, path, data, token, content_type="application/octet-stream"):
        """(status, body) of a request whose body are bytes."""
        headers = {"content-type": content_type, "authorization": f"Bearer {token}"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read() or b"null")

    def request(self, method, path, body=None, token=None, more=None):
        """(status, body) of a JSON request; `more` are further headers."""
        headers = {"content-type": "application/json", **(more or {})}
        if token:
            headers["authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")
