"""A double of CVAT's server, not CVAT: what `mx labels` asks of it, with every answer and request checked by the models of cvat-sdk.

It runs in an interpreter that has cvat-sdk, and talks HTTP on loopback: `python cvat_double.py`, which prints its port. Paths below
`/double/` are the tests' own: labels that a person would give, and faults.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cvat_sdk import models
from cvat_sdk.api_client import ApiClient, Configuration
from cvat_sdk.api_client.model_utils import validate_and_convert_types

USER, PASSWORD = "ada", "a password"
CLIENT = ApiClient(Configuration(host="http://localhost"))
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def modelled(kind: Any, fields: dict[str, Any]) -> Any:
    """What the SDK's model makes of some fields, as JSON; TypeError or ValueError where they do not fit it."""
    made = validate_and_convert_types(
        json.loads(json.dumps(fields, default=_text)),
        (kind,),
        ["data"],
        True,
        True,
        configuration=CLIENT.configuration,
    )
    return json.loads(json.dumps(CLIENT.sanitize_for_serialization(made), default=_text))


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


class World:
    """What the server knows."""

    def __init__(self) -> None:
        self.projects: dict[int, dict[str, Any]] = {}
        self.labels: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.files: dict[int, dict[str, int]] = {}
        self.marks: dict[int, dict[str, Any]] = {}
        self.states: dict[int, str] = {}
        self.failing = 0
        self.number = 0

    def next(self) -> int:
        self.number += 1
        return self.number

    def project(self, number: int) -> dict[str, Any]:
        summary = {"url": "http://localhost/x", "count": 0}
        fields = {
            "id": number,
            "name": self.projects[number]["name"],
            "tasks": summary,
            "labels": summary,
            "organization": None,
        }
        return modelled(models.ProjectRead, {**fields, "created_date": NOW, "updated_date": NOW})

    def task(self, number: int) -> dict[str, Any]:
        task, size = self.tasks[number], self.size(number)
        jobs = {"url": "http://localhost/x", "count": int(bool(size)), "completed": 0, "validation": 0}
        fields: dict[str, Any] = {
            "id": number,
            "name": task["name"],
            "project_id": task["project_id"],
            "jobs": jobs,
        }
        fields |= {"labels": {"url": "http://localhost/x"}, "organization": None}
        if size:
            fields["size"] = size
        return modelled(models.TaskRead, fields)

    def size(self, number: int) -> int:
        return len(self.files[number]) if self.tasks[number].get("whole") else 0


WORLD = World()


class Handler(BaseHTTPRequestHandler):
    """CVAT's addresses."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._route("GET")

    def do_POST(self) -> None:
        self._route("POST")

    def do_DELETE(self) -> None:
        self._route("DELETE")

    def _route(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = parts.path.rstrip("/")
        try:
            for pattern, verb, action in ROUTES:
                if verb == method and (found := re.fullmatch(pattern, path)):
                    if not path.startswith(
                        ("/api/auth", "/api/server", "/double")
                    ) and "sessionid=here" not in str(self.headers.get("Cookie")):
                        return self._answer(401, {"detail": "no login"})
                    return self._answer(*action(self, [int(one) for one in found.groups()], asked, body))
            self._answer(404, {"detail": path})
        except Exception as problem:
            self._answer(400, {"detail": f"{type(problem).__name__}: {problem}"})

    def _answer(self, code: int, told: Any, cookies: tuple[str, ...] = ()) -> None:
        data = b"" if told is None else json.dumps(told).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for cookie in cookies:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(data)


def page(items: list[Any]) -> tuple[int, Any]:
    return 200, {"count": len(items), "next": None, "previous": None, "results": items}


def login(handler: Handler, _: Any, __: Any, body: bytes) -> Any:
    given = json.loads(body)
    modelled(models.LoginSerializerExRequest, given)
    if (given["username"], given["password"]) != (USER, PASSWORD):
        return 401, {"detail": "wrong"}
    return 200, {"key": "k"}, ("sessionid=here; Path=/", "csrftoken=t; Path=/")


def new_project(_: Any, __: Any, ___: Any, body: bytes) -> Any:
    given = json.loads(body)
    modelled(models.ProjectWriteRequest, given)
    number = WORLD.next()
    WORLD.projects[number] = given
    for label in given["labels"]:
        WORLD.labels[WORLD.next()] = {**label, "project_id": number}
    return 201, WORLD.project(number)


def labels(_: Any, __: Any, asked: dict[str, str], ___: Any) -> Any:
    mine = {n: label for n, label in WORLD.labels.items() if label["project_id"] == int(asked["project_id"])}
    rows = [
        {
            "id": n,
            "name": label["name"],
            "type": label["type"],
            "attributes": [],
            "project_id": label["project_id"],
        }
        for n, label in mine.items()
    ]
    return page([modelled(models.Label, row) for row in rows])


def new_task(_: Any, __: Any, ___: Any, body: bytes) -> Any:
    given = json.loads(body)
    modelled(models.TaskWriteRequest, given)
    number = WORLD.next()
    WORLD.tasks[number], WORLD.files[number], WORLD.states[number] = given, {}, "new"
    WORLD.marks[number] = {"version": 0, "tags": [], "shapes": [], "tracks": []}
    return 201, WORLD.task(number)


def tasks(_: Any, __: Any, asked: dict[str, str], ___: Any) -> Any:
    wanted = asked.get("project_id")
    mine = [n for n, task in WORLD.tasks.items() if wanted is None or task["project_id"] == int(wanted)]
    return page([WORLD.task(n) for n in mine])


def drop_task(_: Any, numbers: list[int], __: Any, ___: Any) -> Any:
    del WORLD.tasks[numbers[0]]
    return 204, None


def upload(handler: Handler, numbers: list[int], _: Any, body: bytes) -> Any:
    number = numbers[0]
    if "Upload-Start" in handler.headers:
        return 202, {}
    if "Upload-Multiple" in handler.headers:
        if WORLD.failing and number >= WORLD.failing:
            return 400, {"detail": "the disk is full"}
        head = f"Content-Type: {handler.headers['Content-Type']}\r\n\r\n".encode()
        for part in message_from_bytes(head + body).get_payload():
            if name := part.get_filename():
                WORLD.files[number][name.rpartition("/")[2]] = len(part.get_payload(decode=True))
        return 200, {}
    assert "Upload-Finish" in handler.headers
    WORLD.tasks[number]["whole"] = True
    return 202, {"rq_id": f"create-{number}"}


def request(handler: Handler, _: Any, __: Any, ___: Any) -> Any:
    identifier = handler.path.rpartition("/")[2]
    operation = {"type": "create:task", "target": "task"}
    fields = {
        "id": identifier,
        "status": "finished",
        "message": "",
        "operation": operation,
        "created_date": NOW,
    }
    return 200, modelled(models.Request, fields)


def meta(_: Any, numbers: list[int], __: Any, ___: Any) -> Any:
    # CVAT keeps the order of a request with `predefined`; the SDK's names are those of the files.
    frames = [{"width": 8, "height": 8, "name": name, "related_files": 0} for name in WORLD.files[numbers[0]]]
    fields = {
        "image_quality": 95, "start_frame": 0, "stop_frame": len(frames) - 1, "frames": frames, "deleted_frames": [],
        "size": len(frames), "chunk_size": 36, "frame_filter": "", "included_frames": None, "chunks_updated_date": NOW, "chapters": [],
    }  # fmt: skip
    return 200, modelled(models.DataMetaRead, fields)


def jobs(_: Any, __: Any, asked: dict[str, str], ___: Any) -> Any:
    number = int(asked["task_id"])
    fields = {"id": number * 1000, "task_id": number, "state": WORLD.states[number], "stage": "annotation"}
    summary = {"url": "http://localhost/x", "count": 0}
    fields |= {
        "issues": summary,
        "labels": summary,
        "assignee": None,
        "organization": None,
        "type": "annotation",
        "source_storage": None,
    }
    return page([modelled(models.JobRead, {**fields, "target_storage": None})])


def annotations(_: Any, numbers: list[int], __: Any, ___: Any) -> Any:
    return 200, modelled(models.LabeledData, WORLD.marks[numbers[0]])


def work(_: Any, __: Any, ___: Any, body: bytes) -> Any:
    """What a person does: `{"classes": {NAME: LABEL}}` for the end of a file's name, `{"label": NEW}`, `{"failing": TASK}`."""
    given = json.loads(body)
    WORLD.failing = given.get("failing", 0)
    if label := given.get("label"):
        WORLD.labels[WORLD.next()] = {"name": label, "type": "tag", "project_id": next(iter(WORLD.projects))}
    ids = {label["name"]: n for n, label in WORLD.labels.items()}
    for number in WORLD.tasks:
        for frame, name in enumerate(WORLD.files[number]):
            if mine := given.get("classes", {}).get(name.partition("-")[2]):
                kept = [tag for tag in WORLD.marks[number]["tags"] if tag["frame"] != frame]
                tags = [{"frame": frame, "label_id": ids[one], "group": 0} for one in mine]
                WORLD.marks[number]["tags"] = kept + tags
        WORLD.states[number] = given.get("state", WORLD.states[number])
    told = {"tasks": {n: list(WORLD.files[n]) for n in WORLD.tasks}, "projects": len(WORLD.projects)}
    return 200, told


ROUTES: list[tuple[str, str, Any]] = [
    (r"/api/auth/login", "POST", login),
    (r"/api/auth/logout", "POST", lambda *_: (200, {})),
    (r"/api/server/about", "GET", lambda *_: (200, {"name": "double", "description": "", "version": "2.80.0",
                                                    "logo_url": "http://localhost/l", "subtitle": ""})),
    (r"/api/projects", "GET", lambda *_: page([WORLD.project(n) for n in WORLD.projects])),
    (r"/api/projects", "POST", new_project),
    (r"/api/labels", "GET", labels),
    (r"/api/tasks", "GET", tasks),
    (r"/api/tasks", "POST", new_task),
    (r"/api/tasks/(\d+)", "GET", lambda _, n, *__: (200, WORLD.task(n[0]))),
    (r"/api/tasks/(\d+)", "DELETE", drop_task),
    (r"/api/tasks/(\d+)/data", "POST", upload),
    (r"/api/tasks/(\d+)/data/meta", "GET", meta),
    (r"/api/tasks/(\d+)/annotations", "GET", annotations),
    (r"/api/requests/.*", "GET", request),
    (r"/api/jobs", "GET", jobs),
    (r"/double/work", "POST", work),
]  # fmt: skip

if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_address[1], flush=True)
        sys.exit(server.serve_forever())
