"""A stand-in for the Hugging Face Hub: a real HTTP server on the loopback interface, everything in memory.

It answers what `huggingface_hub` asks for without Xet (HF_HUB_DISABLE_XET=1): make a repository, push to it
by LFS and commit, look at it, download from it. Any other request is a 404 that names it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

USER = "owner"  # the only user; may write to owner/... and nowhere else
TOKEN = "hf_owner"
COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")  # of a Space's card
LFS = (".safetensors", ".bin", ".pt", ".onnx", ".png")  # what goes by LFS is the Hub's choice; this list is ours


class File(NamedTuple):
    """A file of a commit."""

    content: bytes
    lfs: bool

    @property
    def oid(self) -> str:
        """The ETag: the SHA-256 of an LFS file, git's SHA-1 of any other."""
        if self.lfs:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


class Repo:
    """A repository: every commit with all its files, oldest first, and the branches that point to them."""

    def __init__(self, repo_id: str, private: bool) -> None:
        self.repo_id = repo_id
        self.private = private
        self.commits: dict[str, dict[str, File]] = {}
        self.branches: dict[str, str] = {}
        self.commit("main", {".gitattributes": File(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n", lfs=False)})

    def commit(self, branch: str, files: dict[str, File]) -> str:
        """The id of a new commit, now the head of `branch`."""
        oid = hashlib.sha1(f"{self.repo_id} {len(self.commits)}".encode()).hexdigest()
        self.commits[oid] = files
        self.branches[branch] = oid
        return oid


class Answer(NamedTuple):
    """What goes back: bytes as they are, anything else as JSON."""

    body: Any = b""
    status: int = 200
    headers: dict[str, str] | None = None


class RefusedError(Exception):
    """What the Hub will not do. Its kind goes into X-Error-Code, by which the client tells the 404s apart."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str) -> None:
        super().__init__(message)
        kind = {"X-Error-Code": code} if code else {}
        self.answer = Answer({"error": message}, status, {"X-Error-Message": message} | kind | headers)


class HubServer:
    """The Hub at `url` for the length of a `with`. The id of a Space is "spaces/owner/name" here."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}  # LFS files by their SHA-256
        self.may_push = threading.Event()  # cleared, a push waits before anything is sent
        self.may_push.set()
        self.requests: list[str] = []  # "GET /owner/model/resolve/main/config.json", in the order they came

    def __enter__(self) -> HubServer:
        self._start(port=0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def url(self) -> str:
        """The address, what HF_ENDPOINT is to be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self, home: Path) -> dict[str, str]:
        """The environment of a process whose client comes here, with the owner's token and `home` as its cache."""
        others = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING")) and not name.lower().endswith("_proxy")
        }
        switches = {f"HF_HUB_DISABLE_{what}": "1" for what in ("XET", "TELEMETRY", "UPDATE_CHECK", "PROGRESS_BARS")}
        return others | switches | {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_TOKEN": TOKEN}

    @contextmanager
    def gone(self) -> Iterator[None]:
        """Within, connections to `url` are refused."""
        self._stop()
        try:
            yield
        finally:
            self._start(self._server.server_port)

    def add(self, repo_id: str, *, files: dict[str, bytes] | None = None, private: bool = False) -> None:
        """Make a repository, whoever it belongs to; `files` are its second commit."""
        self.repos[repo_id] = repo = Repo(repo_id, private)
        if files is not None:
            repo.commit("main", {path: File(content, lfs=path.endswith(LFS)) for path, content in files.items()})

    def files(self, repo_id: str) -> dict[str, bytes]:
        """The files at the head of `main`, by path."""
        repo = self.repos[repo_id]
        return {path: file.content for path, file in repo.commits[repo.branches["main"]].items()}

    def commits(self, repo_id: str) -> list[str]:
        """The ids of all commits, oldest first; the Hub makes the first one itself, with .gitattributes."""
        return list(self.repos[repo_id].commits)

    def _start(self, port: int) -> None:
        self._server = _Server(("127.0.0.1", port), _Request)
        self._server.hub = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    hub: HubServer


class _Request(BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so that no connection outlives its answer and `gone` means gone."""

    server: _Server

    def do_GET(self) -> None:
        """The answer of the first route that fits; HEAD, POST and PUT alike."""
        self.hub = self.server.hub
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            answer = self._route(path)
        except RefusedError as refused:
            answer = refused.answer
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        for name, value in ({"Content-Length": str(len(body))} | (answer.headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""

    def _route(self, path: str) -> Answer:
        if self.headers.get("Authorization") not in (None, f"Bearer {TOKEN}"):
            raise RefusedError(401, "Invalid credentials in Authorization header")
        for methods, pattern, respond in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in methods.split():
                parts = {name: unquote(value) for name, value in match.groupdict(default="").items()}
                if "name" in parts:
                    parts["repo_id"] = parts.pop("kind").replace("models/", "") + parts.pop("name")
                return respond(self, **parts)
        raise RefusedError(404, f"no route for {self.command} {path}")

    def _may_write(self, namespace: str) -> None:
        if "Authorization" not in self.headers:
            raise RefusedError(401, "Invalid username or password.")
        if namespace != USER:
            raise RefusedError(403, f"You don't have the rights to write to the namespace {namespace!r}")

    def _repo(self, repo_id: str, *, write: bool = False) -> Repo:
        repo = self.hub.repos.get(repo_id)
        if repo is None or (repo.private and "Authorization" not in self.headers):
            raise RefusedError(404, "Repository not found", "RepoNotFound")
        if write:
            self._may_write(repo_id.split("/")[-2])
        return repo

    def _commit(self, repo: Repo, revision: str) -> str:
        oid = repo.branches.get(revision, revision)
        if oid not in repo.commits:
            raise RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return oid

    def whoami(self) -> Answer:
        self._may_write(USER)
        return Answer({"type": "user", "name": USER, "orgs": [], "auth": {"type": "access_token"}})

    def create_repo(self) -> Answer:
        asked = json.loads(self.body)
        namespace = asked.get("organization") or USER
        self._may_write(namespace)
        kind = "" if asked.get("type") in (None, "model") else f"{asked['type']}s/"
        if kind == "spaces/" and asked.get("sdk") not in ("gradio", "docker", "static"):
            raise RefusedError(400, "sdk must be gradio, docker or static")
        repo_id = f"{kind}{namespace}/{asked['name']}"
        exists = repo_id in self.hub.repos
        if not exists:
            self.hub.add(repo_id, private=asked.get("visibility") == "private")
        return Answer({"url": f"{self.hub.url}/{repo_id}"}, 409 if exists else 200)

    def validate_yaml(self) -> Answer:
        asked = json.loads(self.body)
        words = yaml.safe_load(asked["content"].split("---\n")[1]) if asked["content"].startswith("---\n") else {}
        wrong = [name for name in ("colorFrom", "colorTo") if words.get(name, COLORS[0]) not in COLORS]
        if asked["repoType"] == "space":
            wrong += [name for name in ("sdk",) if name not in words]
            wrong += ["short_description"] * (len(words.get("short_description", "")) > 60)
        return Answer({"errors": [{"message": f"{name} is not valid"} for name in wrong], "warnings": []})

    def preupload(self, repo_id: str, revision: str) -> Answer:
        self.hub.may_push.wait(200)
        repo = self._repo(repo_id, write=True)
        present = repo.commits[self._commit(repo, revision)]
        modes = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(LFS) else "regular",
                "shouldIgnore": False,
                "oid": present[file["path"]].oid if file["path"] in present else None,
            }
            for file in json.loads(self.body)["files"]
        ]
        return Answer({"files": modes})

    def lfs_batch(self, repo_id: str) -> Answer:
        self._repo(repo_id, write=True)
        objects = json.loads(self.body)["objects"]
        for item in objects:
            if item["oid"] not in self.hub.objects:
                address = f"{self.hub.url}/lfs/{item['oid']}"
                item["actions"] = {"upload": {"href": address}, "verify": {"href": f"{address}/verify"}}
        return Answer({"transfer": "basic", "objects": objects})

    def lfs_upload(self, oid: str) -> Answer:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise RefusedError(400, f"what came is not {oid}")
        self.hub.objects[oid] = self.body
        return Answer()

    def lfs_verify(self, oid: str) -> Answer:
        if len(self.hub.objects.get(oid, b"")) != json.loads(self.body)["size"]:
            raise RefusedError(404, f"{oid} is not here, or of another size")
        return Answer()

    def commit(self, repo_id: str, revision: str) -> Answer:
        repo = self._repo(repo_id, write=True)
        files = dict(repo.commits[self._commit(repo, revision)])
        for line in self.body.splitlines():
            key, value = json.loads(line).values()
            if key == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]), lfs=False)
            elif key == "lfsFile":
                files[value["path"]] = File(self.hub.objects[value["oid"]], lfs=True)
            elif key == "deletedFile":
                del files[value["path"]]
            elif key != "header":
                raise RefusedError(400, f"this Hub knows no {key} in a commit")
        oid = repo.commit(revision, files)
        return Answer({"commitOid": oid, "commitUrl": f"{self.hub.url}/{repo_id}/commit/{oid}"})

    def info(self, repo_id: str, revision: str = "main") -> Answer:
        repo = self._repo(repo_id)
        oid = self._commit(repo, revision)
        siblings = [{"rfilename": path, "size": len(file.content)} for path, file in repo.commits[oid].items()]
        return Answer({"id": repo_id, "sha": oid, "private": repo.private, "siblings": siblings})

    def auth_check(self, repo_id: str, write: str) -> Answer:
        self._repo(repo_id, write=bool(write))
        return Answer()

    def tree(self, repo_id: str, revision: str, folder: str = "") -> Answer:
        repo = self._repo(repo_id)
        files = repo.commits[self._commit(repo, revision)]
        inside = {path: file for path, file in files.items() if path.startswith(f"{folder}/" if folder else "")}
        if not inside:
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        rows = [
            {"type": "file", "path": path, "size": len(file.content), "oid": file.oid} for path, file in inside.items()
        ]
        if (
            self.command == "GET" and "recursive=true" not in self.path.lower()
        ):  # then deeper files are represented by their folders
            depth = len(folder.split("/")) + 1 if folder else 1
            folders = {"/".join(path.split("/")[:depth]) for path in inside if path.count("/") >= depth}
            rows = [row for row in rows if str(row["path"]).count("/") < depth]
            rows += [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in sorted(folders)]
        return Answer(rows)

    def paths_info(self, repo_id: str, revision: str) -> Answer:
        rows = self.tree(repo_id, revision).body
        paths = parse_qs(self.body.decode())["paths"]
        return Answer([row for row in rows if row["path"] in paths])

    def resolve(self, repo_id: str, revision: str, path: str) -> Answer:
        repo = self._repo(repo_id)
        oid = self._commit(repo, revision)
        if path not in repo.commits[oid]:
            raise RefusedError(404, "Entry not found", "EntryNotFound", **{"X-Repo-Commit": oid})
        file = repo.commits[oid][path]
        headers = {"X-Repo-Commit": oid, "ETag": f'"{file.oid}"'}
        if file.lfs:
            headers |= {"X-Linked-Size": str(len(file.content)), "X-Linked-Etag": f'"{file.oid}"'}
        if "Range" not in self.headers:
            return Answer(file.content, 200, headers)
        start, end = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"]).groups()  # type: ignore[union-attr]
        part = file.content[int(start) : int(end) + 1 if end else None]
        return Answer(
            part, 206, headers | {"Content-Range": f"bytes {start}-{int(start) + len(part) - 1}/{len(file.content)}"}
        )


API = r"/api/(?P<kind>(models|datasets|spaces)/)(?P<name>[^/]+/[^/]+)"
PAGE = r"/(?P<kind>(datasets|spaces)/)?(?P<name>[^/]+/[^/]+?)"
REVISION = r"(?P<revision>[^/]+)"
ROUTES: list[tuple[str, str, Callable[..., Answer]]] = [
    ("GET", "/api/whoami-v2", _Request.whoami),
    ("POST", "/api/repos/create", _Request.create_repo),
    ("POST", "/api/validate-yaml", _Request.validate_yaml),
    ("POST", f"{API}/preupload/{REVISION}", _Request.preupload),
    ("POST", rf"{PAGE}\.git/info/lfs/objects/batch", _Request.lfs_batch),
    ("PUT", "/lfs/(?P<oid>[0-9a-f]{64})", _Request.lfs_upload),
    ("POST", "/lfs/(?P<oid>[0-9a-f]{64})/verify", _Request.lfs_verify),
    ("POST", f"{API}/commit/{REVISION}", _Request.commit),
    ("GET", API, _Request.info),
    ("GET", f"{API}/revision/{REVISION}", _Request.info),
    ("GET", f"{API}/auth-check(?P<write>/write)?", _Request.auth_check),
    ("GET", rf"{API}/tree/{REVISION}(/(?P<folder>.+))?", _Request.tree),
    ("POST", f"{API}/paths-info/{REVISION}", _Request.paths_info),
    ("HEAD GET", f"{PAGE}/resolve/{REVISION}/(?P<path>.+)", _Request.resolve),
]
