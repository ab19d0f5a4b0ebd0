"""The rules of the branches, and the release that GitLab is asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import branches
import pytest
import release


@pytest.mark.parametrize(
    ("source", "target", "good"),
    [
        ("feature/faces", "develop", True),
        ("develop", "release/0.1.0", True),
        ("release/0.1.0", "master", True),
        ("release/0.1.0", "develop", True),
        ("master", "develop", True),
        ("feature/faces", "master", False),
        ("develop", "master", False),
        ("feature/", None, False),
        ("main", None, False),
        ("release/0.2.0", None, False),
    ],
)
def test_what_goes_into_what(source: str, target: str | None, good: bool) -> None:
    said = {"CI_COMMIT_BRANCH": source}
    if target:
        said = {
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": source,
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": target,
        }
    assert (branches.problems(said, "0.1.0") == []) is good


@pytest.mark.parametrize(("tag", "good"), [("v0.1.0", True), ("v0.2.0", False), ("0.1.0", False)])
def test_a_tag_is_that_of_the_version(tag: str, good: bool) -> None:
    assert (branches.problems({"CI_COMMIT_TAG": tag}, "0.1.0") == []) is good


class GitLab(BaseHTTPRequestHandler):
    """A double of GitLab: it keeps releases, and refuses a token that is not the job's."""

    releases: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []
    outage = 0

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.outage:
            self.answer(self.outage, {})
            return
        tag = self.path.rpartition("/")[2]
        if tag in self.releases:
            self.answer(200, {"commit": {"id": self.releases[tag]}})
        else:
            self.answer(404, {})

    def do_POST(self) -> None:
        self.asked.append(self.path)
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["JOB-TOKEN"] != "token-of-a-job":
            self.answer(403, {"message": "no"})
            return
        self.releases[asked["tag_name"]] = asked["ref"]
        self.answer(201, {})

    def answer(self, code: int, body: object) -> None:
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def gitlab(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """What a job knows of GitLab; the releases that were made."""
    monkeypatch.setattr(GitLab, "releases", {})
    monkeypatch.setattr(GitLab, "asked", [])
    with HTTPServer(("127.0.0.1", 0), GitLab) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, value in {
            "CI_API_V4_URL": f"http://127.0.0.1:{server.server_port}",
            "CI_PROJECT_ID": "7",
            "CI_COMMIT_SHA": "abc",
            "CI_JOB_TOKEN": "token-of-a-job",
        }.items():
            monkeypatch.setenv(name, value)
        yield GitLab.releases
        server.shutdown()


def test_a_release_is_made_once(gitlab: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert release.release("0.1.0") == "v0.1.0 is released"
    assert gitlab == {"v0.1.0": "abc"}
    assert "already, from this commit" in release.release("0.1.0")
    monkeypatch.setenv("CI_COMMIT_SHA", "def")
    with pytest.raises(release.ReleaseError, match="Raise the version"):
        release.release("0.1.0")


def test_a_refusal_is_told(gitlab: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_JOB_TOKEN", "other")
    with pytest.raises(release.ReleaseError, match="403"):
        release.release("0.1.0")
    assert gitlab == {}


@pytest.mark.parametrize("outage", [302, 500])
def test_an_answer_that_is_none_makes_no_release(
    gitlab: dict[str, str], outage: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what a redirect leads to, which may be another host, is not sent the token."""
    monkeypatch.setattr(GitLab, "outage", outage)
    with pytest.raises(release.ReleaseError, match=str(outage)):
        release.release("0.1.0")
    assert GitLab.asked == ["/projects/7/releases/v0.1.0"]
    assert gitlab == {}


def test_a_gitlab_that_says_403_of_what_is_not_there(
    gitlab: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GitLab, "outage", 403)
    assert release.release("0.1.0") == "v0.1.0 is released"
    assert gitlab == {"v0.1.0": "abc"}
