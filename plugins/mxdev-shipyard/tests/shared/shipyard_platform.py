"""A platform of doubles: moto's server for AWS, and one server that stands for GitLab, for the Git servers and for a service desk.

The double of GitLab knows only the calls that python-gitlab makes for `mx onboard` and `mx retire`; Git is Git's own `http-backend`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "token-of-the-tests"
DESK_TOKEN, DESK_READ_TOKEN = "token-of-the-desk", "token-that-looks"
GROUP = "shipyard/models"


def credentials() -> dict[str, str]:
    """Variables by which Git logs in, as a person's credential helper would."""
    encoded = base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {encoded}",
    }


class Platform:
    """What is there, and what was asked: `calls` are the methods and paths of GitLab's interface."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.projects: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        # The service desk, and what it was asked; its double takes any entry.
        self.desk: dict[str, dict[str, Any]] = {}
        self.desk_calls: list[str] = []
        self.url = ""
        self.lock = threading.Lock()
        for environment in ("staging", "production"):
            self.repository(f"manifests/{environment}.git", first=True)

    def repository(self, path: str, *, first: bool = False) -> None:
        bare = self.folder / path
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", bare], check=True)
        subprocess.run(["git", "-C", bare, "config", "http.receivepack", "true"], check=True)
        if first:
            who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
            tree = (
                subprocess.run(["git", "-C", bare, "mktree"], input=b"", capture_output=True, check=True)
                .stdout.decode()
                .strip()
            )
            made = (
                subprocess.run(
                    ["git", *who, "-C", bare, "commit-tree", tree, "-m", "first"],
                    capture_output=True,
                    check=True,
                )
                .stdout.decode()
                .strip()
            )
            subprocess.run(["git", "-C", bare, "update-ref", "refs/heads/main", made], check=True)

    def log(self, path: str) -> list[str]:
        """The subjects of a repository's commits, newest first."""
        done = subprocess.run(
            ["git", "-C", self.folder / path, "log", "--format=%s", "main"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    def show(self, path: str, file: str) -> str:
        done = subprocess.run(
            ["git", "-C", self.folder / path, "show", f"main:{file}"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def files(self, path: str) -> list[str]:
        done = subprocess.run(
            ["git", "-C", self.folder / path, "ls-tree", "-r", "--name-only", "main"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.splitlines()

    def ask_desk(self, method: str, slug: str, authorization: str | None, body: bytes) -> tuple[int, Any]:
        """The service desk: a GET may come with the token that only looks."""
        self.desk_calls.append(f"{method} {slug}")
        allowed = {DESK_TOKEN, DESK_READ_TOKEN} if method == "GET" else {DESK_TOKEN}
        if (authorization or "").removeprefix("Bearer ") not in allowed:
            return 403, {"message": "no"}
        if method == "PUT":
            self.desk[slug] = {**json.loads(body), "url": f"{self.url}/tickets/1"}
            return 201, self.desk[slug]
        if slug not in self.desk:
            return 404, {}
        return 200, self.desk.pop(slug) if method == "DELETE" else self.desk[slug]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """GitLab's interface."""
        self.calls.append(f"{method} {path}")
        if found := re.fullmatch(r"/projects/([^/]+)(/archive)?", path):
            name = unquote(found[1])
            project = self.projects.get(name) or next(
                (one for one in self.projects.values() if str(one["id"]) == name), None
            )
            if project is None:
                return 404, {"message": "404 Project Not Found"}
            if found[2] and method == "POST":
                project["archived"] = True
                return 201, project
            return (200, project) if method == "GET" else (405, {"message": "405 Not Allowed"})
        if path == f"/groups/{GROUP.replace('/', '%2F')}" and method == "GET":
            return 200, {"id": 7, "full_path": GROUP}
        if path == "/projects" and method == "POST":
            name = f"{GROUP}/{body['path']}"
            with self.lock:
                if body.get("namespace_id") != 7 or name in self.projects:
                    return 400, {"message": {"path": ["has already been taken"]}}
                self.repository(f"{name}.git")
                self.projects[name] = {
                    "id": len(self.projects) + 1,
                    "path_with_namespace": name,
                    "description": body["description"],
                    "archived": False,
                    "web_url": f"{self.url}/{name}",
                    "http_url_to_repo": f"{self.url}/{name}.git",
                }
            return 201, self.projects[name]
        return 404, {"message": "404 Not Found"}


class _Handler(BaseHTTPRequestHandler):
    platform: Platform

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *_: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline().strip(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        parts = urlsplit(self.path)
        if parts.path.startswith("/desk/"):
            slug = parts.path.removeprefix("/desk/")
            told = self.platform.ask_desk(self.command, slug, self.headers.get("Authorization"), body)
            return self._send(told[0], json.dumps(told[1]).encode())
        if not parts.path.startswith("/api/v4"):
            return self._git(parts.path, parts.query, body)
        if self.headers.get("PRIVATE-TOKEN") != TOKEN:
            return self._send(401, b'{"message": "401 Unauthorized"}')
        code, data = self.platform.answer(
            self.command, parts.path.removeprefix("/api/v4"), json.loads(body or b"{}")
        )
        self._send(code, json.dumps(data).encode())

    def _send(
        self,
        code: int,
        data: bytes,
        headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),),
    ) -> None:
        self.send_response(code)
        for name, value in (*headers, ("Content-Length", str(len(data)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _git(self, path: str, query: str, body: bytes) -> None:
        wanted = "Basic " + base64.b64encode(f"oauth2:{TOKEN}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            return self._send(401, b"", (("WWW-Authenticate", 'Basic realm="git"'),))
        backend = subprocess.run(
            ["git", "--exec-path"], capture_output=True, text=True, check=True
        ).stdout.strip()
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.platform.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": unquote(path),
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "REMOTE_USER": "oauth2",
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }
        done = subprocess.run(
            [f"{backend}/git-http-backend"], input=body, env=environment, capture_output=True, check=False
        )
        head, _, data = done.stdout.partition(b"\r\n\r\n")
        headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n") if ": " in line]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self._send(status, data, tuple((name, value) for name, value in headers if name != "Status"))


@contextmanager
def served(folder: Path) -> Iterator[Platform]:
    """The double of GitLab and the Git servers, on a port of this machine."""
    platform = Platform(folder)
    handler = type("Handler", (_Handler,), {"platform": platform})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        platform.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield platform
        finally:
            server.shutdown()
            thread.join()
