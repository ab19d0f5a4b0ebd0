"""The deploy manager: moto plays AWS, and a server on this machine is a double of GitLab's files."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from conftest import client, configure

BATCH = {
    "kind": "batch",
    "schedule": "cron(0 1 * * ? *)",
    "done_by": "06:00",
    "input": "s3://acme-ml-vision-x/rows",
}
TOKEN = "a-token"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme-ml/serving:1"
MODEL = "s3://acme-ml-platform-123456789012/models/churn/model.tar.gz"


class GitLab(BaseHTTPRequestHandler):
    """A double of GitLab's files of one branch: it refuses what GitLab refuses."""

    files: dict[str, str]
    commits: list[dict[str, Any]]
    outage: int
    asked: list[str]

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _answer(self, code: int, data: Any) -> None:
        body = json.dumps(data).encode()
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _serve(self) -> None:
        self.asked.append(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        project, _, path = (
            urlsplit(self.path)
            .path.removeprefix("/api/v4/projects/")
            .partition("/repository/files/")
        )
        path = unquote(path)
        if self.outage:
            return self._answer(self.outage, {"message": "something"})
        if self.headers["PRIVATE-TOKEN"] != TOKEN:
            return self._answer(401, {"message": "401 Unauthorized"})
        if unquote(project) != "acme/ml/deployments":
            return self._answer(404, {"message": "404 Project Not Found"})
        there = self.files.get(path)
        if self.command == "GET":
            if there is None:
                return self._answer(404, {"message": "404 File Not Found"})
            content = base64.b64encode(there.encode()).decode()
            return self._answer(200, {"content": content, "last_commit_id": str(len(self.commits))})
        if (self.command == "POST") != (there is None):
            return self._answer(400, {"message": "A file with this name already exists"})
        if self.command == "PUT" and body["last_commit_id"] != str(len(self.commits)):
            return self._answer(
                400, {"message": "You are attempting to update a file that has changed"}
            )
        self.commits.append({"path": path, **body})
        self.files[path] = body["content"]
        return self._answer(201, {"file_path": path, "branch": body["branch"]})

    def do_GET(self) -> None:
        """Read a file."""
        self._serve()

    def do_POST(self) -> None:
        """Make a file."""
        self._serve()

    def do_PUT(self) -> None:
        """Change a file."""
        self._serve()


@pytest.fixture
def gitlab(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GitLab]]:
    """The double, which the function is told of."""
    handler = type("Handler", (GitLab,), {"files": {}, "commits": [], "outage": 0, "asked": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setenv("GITLAB", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("PROJECT", "acme/ml/deployments")
        monkeypatch.setenv("BRANCH", "main")
        monkeypatch.setenv("TOKEN_SECRET", "acme-ml/gitlab-token")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


@pytest.fixture
def ready(manager: ModuleType, gitlab: type[GitLab]) -> ModuleType:
    """The function, with a token and an empty group of models."""
    client("secretsmanager").create_secret(Name="acme-ml/gitlab-token", SecretString=TOKEN)
    client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    return manager


def register(status: str = "Approved", **more: Any) -> str:
    """Register a version of churn; its ARN."""
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": MODEL}],
        "SupportedContentTypes": ["application/json"],
        "SupportedResponseMIMETypes": ["application/json"],
    }
    made = client("sagemaker").create_model_package(
        ModelPackageGroupName="churn",
        InferenceSpecification=specification,
        ModelApprovalStatus=status,
        **more,
    )
    return str(made["ModelPackageArn"])


def accepted(arn: str) -> dict[str, Any]:
    """The event that SageMaker sends."""
    return {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Model Package State Change",
        "detail": {
            "ModelPackageArn": arn,
            "ModelPackageGroupName": "churn",
            "ModelApprovalStatus": "Approved",
        },
    }


def test_an_accepted_model_becomes_a_file(ready: ModuleType, gitlab: type[GitLab]) -> None:
    arn = register()
    result = ready.handler(accepted(arn))
    assert (result["did"], result["path"]) == (
        "created",
        "deployments/rest/churn-1.json",
    )
    assert json.loads(gitlab.files["deployments/rest/churn-1.json"]) == {
        "model": "churn",
        "version": "1",
        "image": IMAGE,
        "model_data": MODEL,
        "model_package": arn,
    }
    (commit,) = gitlab.commits
    assert (commit["branch"], commit["commit_message"]) == ("main", "Deploy churn 1")


def test_an_event_that_comes_twice_makes_one_commit(
    ready: ModuleType, gitlab: type[GitLab]
) -> None:
    event = accepted(register())
    ready.handler(event)
    assert ready.handler(event)["did"] == "nothing: it is written already"
    assert len(gitlab.commits) == 1


def test_versions_stand_side_by_side(ready: ModuleType, gitlab: type[GitLab]) -> None:
    for _ in range(2):
        ready.handler(accepted(register()))
    assert sorted(gitlab.files) == [
        "deployments/rest/churn-1.json",
        "deployments/rest/churn-2.json",
    ]


def test_the_configuration_says_how(ready: ModuleType, gitlab: type[GitLab]) -> None:
    configure(
        "churn",
        json.dumps({"deployment": BATCH}),
    )
    ready.handler(accepted(register()))
    assert (
        json.loads(gitlab.files["deployments/batch/churn-1.json"])["schedule"]
        == "cron(0 1 * * ? *)"
    )
    ready.handler(accepted(register(CustomerMetadataProperties={"deployment": "async"})))
    assert "deployments/async/churn-2.json" in gitlab.files


def test_a_batch_that_says_not_when_is_refused(ready: ModuleType, gitlab: type[GitLab]) -> None:
    configure("churn", json.dumps({"deployment": "batch"}))
    with pytest.raises(ready.RefusedError, match="has no schedule, done_by, input"):
        ready.handler(accepted(register()))
    assert gitlab.commits == []


def test_what_a_person_set_in_the_file_stays(ready: ModuleType, gitlab: type[GitLab]) -> None:
    gitlab.files["deployments/rest/churn-1.json"] = json.dumps({"image": "old", "count": 3})
    assert ready.handler(accepted(register()))["did"] == "updated"
    file = json.loads(gitlab.files["deployments/rest/churn-1.json"])
    assert (file["image"], file["count"]) == (IMAGE, 3)


def test_what_was_refused_meanwhile_is_not_deployed(
    ready: ModuleType, gitlab: type[GitLab]
) -> None:
    result = ready.handler(accepted(register("Rejected")))
    assert result["did"] == "nothing: its status is Rejected"
    assert gitlab.commits == []


def test_a_kind_that_is_none_is_refused(ready: ModuleType) -> None:
    arn = register(CustomerMetadataProperties={"deployment": "edge"})
    with pytest.raises(ready.RefusedError, match="'edge', which is none of rest, async, batch"):
        ready.handler(accepted(arn))


def test_a_model_without_data_is_refused(ready: ModuleType, gitlab: type[GitLab]) -> None:
    with pytest.raises(ready.RefusedError, match="has no model data"):
        ready.deployment(
            "arn",
            "churn",
            "1",
            {"InferenceSpecification": {"Containers": [{"Image": IMAGE}]}},
        )
    assert gitlab.commits == []


@pytest.mark.parametrize(
    ("outage", "told"),
    [
        (503, "answered 503 to GET"),
        (403, "answered 403 to GET"),
        # What it leads to may be another host, which would be sent the token.
        (302, "answered 302 to GET"),
    ],
)
def test_what_gitlab_refuses_is_an_error(
    ready: ModuleType, gitlab: type[GitLab], outage: int, told: str
) -> None:
    event = accepted(register())
    gitlab.outage = outage
    with pytest.raises(Exception, match=told) as caught:
        ready.handler(event)
    assert type(caught.value).__name__ == "GitLabError"
    assert TOKEN not in str(caught.value)
    assert len(gitlab.asked) == 1


def test_a_project_that_the_token_does_not_see_is_no_missing_file(
    ready: ModuleType, gitlab: type[GitLab], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROJECT", "acme/other")
    with pytest.raises(Exception, match="404 Project Not Found"):
        ready.handler(accepted(register()))


def test_a_server_that_is_not_there_is_an_error(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB", "http://127.0.0.1:1")
    with pytest.raises(Exception, match="GitLab did not answer to GET"):
        ready.handler(accepted(register()))


def test_a_file_that_somebody_changed_in_the_same_moment_is_not_overwritten(
    ready: ModuleType, gitlab: type[GitLab]
) -> None:
    import gitlab as module  # beside the handler

    path = "deployments/rest/churn-1.json"
    gitlab.files[path] = "{}"
    repository = module.Repository(os.environ["GITLAB"], "acme/ml/deployments", "main", TOKEN)

    def make(there: str | None) -> str:
        gitlab.commits.append({"path": path})
        return "{}\n"

    with pytest.raises(module.GitLabError, match="has changed"):
        repository.write(path, make, "Deploy")
    assert gitlab.files[path] == "{}"
