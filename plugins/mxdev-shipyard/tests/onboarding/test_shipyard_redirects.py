"""A GitLab that leads elsewhere, asks to wait, or has a bad minute. Two doubles: GitLab, and the host that it leads to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from mxdev.errors import MxError

from mxdev_shipyard.onboarding import git, project, server
from mxdev_shipyard.onboarding.settings import Settings

SECRET = "glpat-secret"
Answer = tuple[int, dict[str, str], bytes]
MISSING: Answer = (404, {}, b'{"message": "404 Project Not Found"}')


@dataclass
class Double:
    """A server that gives its answers in turn, the last one for ever, and notes what it is sent."""

    answers: list[Answer] = field(default_factory=lambda: [MISSING])
    seen: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Double, Double]]:
    monkeypatch.setenv("GITLAB_TOKEN", SECRET)
    monkeypatch.setattr(server, "WAITS", (0.0, 0.0, 0.0))
    with ExitStack() as stack:
        both = Double(), Double()
        for double in both:
            http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(double))
            stack.callback(http.server_close)
            double.url = f"http://127.0.0.1:{http.server_address[1]}"
            threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
            stack.callback(http.shutdown)
        yield both


def _handler(double: Double) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            double.seen.append((self.path, str(self.headers)))
            code, headers, body = double.answers.pop(0) if len(double.answers) > 1 else double.answers[0]
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def settings(double: Double) -> Settings:
    return Settings("eu-west-1", "bucket", "registry.example.com", double.url, "models", "a/b", {})


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_the_token_follows_no_redirect_to_another_host(code: int, doubles: tuple[Double, Double]) -> None:
    home, elsewhere = doubles
    home.answers = [(code, {"Location": f"{elsewhere.url}/api/v4/x"}, b"")]
    with pytest.raises(MxError, match=f"leads to {elsewhere.url}") as told:
        project.found(settings(home), "deploy-iris-model")
    assert "gitlab in shipyard.yaml" in str(told.value)
    assert SECRET in home.seen[0][1]
    assert not elsewhere.seen


def test_git_follows_no_redirect_with_the_token(doubles: tuple[Double, Double]) -> None:
    home, elsewhere = doubles
    home.answers = [(302, {"Location": f"{elsewhere.url}/x.git/info/refs?service=git-upload-pack"}, b"")]
    with pytest.raises(MxError) as told:
        git.has_main(f"{home.url}/x.git")
    assert "shipyard.yaml" in str(told.value.hint)
    assert home.seen
    assert not elsewhere.seen


def test_a_bad_minute_is_waited_for(doubles: tuple[Double, Double]) -> None:
    home, _ = doubles
    home.answers = [(429, {"Retry-After": "0"}, b"{}"), (502, {}, b"bad gateway"), (503, {}, b"{}"), MISSING]
    assert project.found(settings(home), "deploy-iris-model") is None
    assert len(home.seen) == 4


def test_an_hour_is_not(doubles: tuple[Double, Double]) -> None:
    home, _ = doubles
    home.answers = [(429, {"Retry-After": "3600"}, b'{"message": "slow down"}')]
    with pytest.raises(MxError, match="asks to wait 3600 seconds") as told:
        project.found(settings(home), "deploy-iris-model")
    assert told.value.hint == "Run it again later."
    assert len(home.seen) == 1


def test_a_redirect_is_not_tried_more_often(doubles: tuple[Double, Double]) -> None:
    home, _ = doubles
    moved: Answer = (302, {"Location": f"{home.url}/moved"}, b"")
    busy: Answer = (503, {}, b"{}")
    home.answers = [*[moved, busy] * 4, MISSING]
    with pytest.raises(MxError, match="503"):
        project.found(settings(home), "deploy-iris-model")
    assert len(home.seen) == 8


@pytest.mark.parametrize(("code", "asked"), [(429, 2), (503, 2), (500, 1), (502, 1), (504, 1)])
def test_what_may_be_made_is_not_made_again(code: int, asked: int, doubles: tuple[Double, Double]) -> None:
    home, _ = doubles
    home.answers = [(code, {}, b"{}"), (201, {}, b"{}")]
    answer = server.server(home.url).session.post(f"{home.url}/api/v4/projects")
    assert len(home.seen) == asked
    assert answer.status_code == (201 if asked == 2 else code)
