"""What GitLab and the repositories of manifests may answer, where its token goes, and which values are taken."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shipyard_platform
import yaml
from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.testing import mx
from shipyard_platform import GROUP, TOKEN, Platform

from mxdev_shipyard.onboarding import git, token, values
from mxdev_shipyard.onboarding.manifest import Manifest
from mxdev_shipyard.onboarding.project import Project
from mxdev_shipyard.onboarding.settings import Settings
from mxdev_shipyard.onboarding.values import Boarding
from mxdev_shipyard.promotion.manifest import Release
from mxdev_shipyard.promotion.release import Back, newest

BOARDING = Boarding(
    "Iris", "iris", "Which?", "https://wiki.example.com", "https://jira.example.com", "ada@acme.example"
)
NAME = f"{GROUP}/deploy-iris-model"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with (
        shipyard_platform.served(tmp_path_factory.mktemp("git")) as served,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("GITLAB_TOKEN", TOKEN)
        yield served


@pytest.fixture
def settings(platform: Platform) -> Settings:
    environments = {one: f"{platform.url}/manifests/{one}.git" for one in ("staging", "production")}
    return Settings("eu-west-1", "bucket", "registry.example.com", platform.url, GROUP, "a/b", environments)


def theirs(**more: Any) -> dict[str, Any]:
    """A project as GitLab shows it."""
    project = {
        "id": 1, "path_with_namespace": NAME, "description": "Which? (onboarded for ada@acme.example)", "archived": False,
        "web_url": "https://gitlab.example.com", "http_url_to_repo": "https://gitlab.example.com/x.git",
    }  # fmt: skip
    return {**project, **more}


Answer = Callable[..., None]


@pytest.fixture
def answers(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Has GitLab answer all questions alike."""

    def answer(code: int, data: object) -> None:
        monkeypatch.setattr(platform, "answer", lambda *_: (code, data))

    return answer


def project(settings: Settings, **more: str) -> Project:
    boarding = dataclasses.replace(BOARDING, **more)
    return Project(name="project", title="Project", settings=settings, boarding=boarding)


LOOKED: list[tuple[int, object, str, str]] = [
    (401, {"message": "401 Unauthorized"}, "GitLab refuses: 401", "make one with the scope api"),
    (403, {"message": "403 Forbidden"}, "GitLab refuses: 403", f"be Maintainer of {GROUP}"),
    (500, {}, "GitLab refuses: 500", "Run it again later."),
    (502, "bad gateway", "GitLab refuses: 502", "Run it again later."),
    (200, {}, "answers with something else than a project", "Look at gitlab in shipyard.yaml."),
    (200, [1], "cannot be asked", "Look at gitlab in shipyard.yaml."),
    (200, theirs(path_with_namespace="others/flowers"), f"{NAME} is called others/flowers now.", "its old name again"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "data", "sentence", "hint"), LOOKED)
def test_what_gitlab_answers_is_told(
    settings: Settings, answers: Answer, code: int, data: object, sentence: str, hint: str
) -> None:
    answers(code, data)
    with pytest.raises(MxError) as told:
        project(settings).look()
    assert sentence in told.value.message
    assert hint in (told.value.hint or "")


def test_a_group_that_is_not_there_is_told(settings: Settings, answers: Answer) -> None:
    answers(404, {"message": "404 Group Not Found"})
    assert project(settings).look().verb == "create"
    with pytest.raises(MxError, match="404 Group Not Found") as told:
        project(settings).do(print)
    assert told.value.hint == f"Is there a group {GROUP}, and may the owner of GITLAB_TOKEN see it?"


def test_an_author_in_the_description_owns_nothing(settings: Settings, answers: Answer) -> None:
    answers(
        200, theirs(description="x (onboarded for eve@acme.example) (onboarded for ada@acme.example) edited")
    )
    assert project(settings).look().verb == "done"
    eve = project(settings, author_email="eve@acme.example")
    assert "exists already, for somebody else." in eve.look().why
    # Nor does she retire it.
    assert "is somebody else's." in eve.look_back().why
    assert project(settings).look_back().verb == "remove"


@pytest.mark.parametrize(
    ("more", "onboarded", "why", "retired"),
    [
        ({"marked_for_deletion_at": "2026-01-01"}, "blocked", f"{NAME} is marked for deletion.", "done"),
        ({"marked_for_deletion_on": "2026-01-01"}, "blocked", f"{NAME} is marked for deletion.", "done"),
        ({"description": "Iris, second edition"}, "blocked", f"{NAME} exists already, for somebody else.", "remove"),
        ({"description": None}, "blocked", f"{NAME} exists already, for somebody else.", "remove"),
        ({"archived": True}, "blocked", "it was retired, and is archived", "done"),
    ],
)  # fmt: skip
def test_a_project_that_was_changed_in_gitlab_can_be_retired(
    settings: Settings, answers: Answer, more: dict[str, object], onboarded: str, why: str, retired: str
) -> None:
    answers(200, theirs(**more))
    found = project(settings).look()
    assert (found.verb, found.why) == (onboarded, why)
    assert project(settings).look_back().verb == retired


def test_manifests_are_committed_to_the_branch_that_is_deployed_from(
    platform: Platform, settings: Settings
) -> None:
    platform.repository("manifests/other.git", first=True)
    bare = platform.folder / "manifests/other.git"
    subprocess.run(["git", "-C", bare, "branch", "-m", "main", "live"], check=True)
    subprocess.run(["git", "-C", bare, "symbolic-ref", "HEAD", "refs/heads/live"], check=True)
    there = dataclasses.replace(settings, environments={"other": f"{platform.url}/manifests/other.git"})
    step = Manifest(name="m", title="M", settings=there, boarding=BOARDING, environment="other")
    step.do(print)
    assert step.look().verb == "done"
    branches = subprocess.run(
        ["git", "-C", bare, "branch", "--format=%(refname:short)"], capture_output=True, text=True, check=True
    )
    assert branches.stdout.split() == ["live"]


def test_a_model_that_was_retired_has_nothing_to_go_back_to(settings: Settings) -> None:
    address = settings.environments["staging"]
    step = Manifest(name="m", title="M", settings=settings, boarding=BOARDING, environment="staging")
    step.do(print)
    for tag in ("1", "2"):

        def write(root: Path, tag: str = tag) -> None:
            place = root / "iris/inferenceservice.yaml"
            place.write_text(Release(tag, f"s3://b/{tag}").put_into(place.read_text(), "registry", "iris"))

        git.change(address, f"iris is {tag}", write, print)

    def back() -> Back:
        return Back(name="b", title="B", settings=settings, environment="staging", model="iris",
                    repository="deploy-iris-model", from_commit=newest(address, "iris"))  # fmt: skip

    assert back().look().why == "from 2 to 1 with s3://b/1"
    step.take_back(print)
    retired = back()
    assert retired.look().why == "iris/inferenceservice.yaml is not in the manifests of staging"
    retired.do(print)  # retired between the look and this
    assert newest(address, "iris") == retired.from_commit


def test_what_is_wrong_with_one_model_leaves_none_of_the_others(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {**dataclasses.asdict(settings), "services": []}
    (tmp_path / "shipyard.yaml").write_text(yaml.safe_dump({**told, "policy": {}, "domain": "d.example"}))
    for slug in ("iris", "rose"):
        fields = {**dataclasses.asdict(BOARDING), "project_slug": slug}
        (tmp_path / f"{slug}.yml").write_text(yaml.safe_dump(fields))
    done = mx("onboard", "iris.yml", "rose.yml", "--trust", cwd=tmp_path)
    assert done.code == 1
    for slug in ("iris", "rose"):
        assert f"error: {slug}.yml: Nothing was done." in done.stderr
        assert f"the policy does not let ada@acme.example onboard {slug}" in done.stderr
    assert "2 of 2 were not onboarded." in done.stderr
    answered = mx("onboard", "iris.yml", "--trust", "--json", cwd=tmp_path)
    assert (answered.code, json.loads(answered.stdout)["outcome"]) == (1, "blocked")
    # Nothing is asked of a GitLab that the token is not of.
    monkeypatch.setenv("GITLAB_HOST", "gitlab.example.com")
    for command in (
        ["onboard", "iris.yml", "--dry-run"],
        ["retire", "iris.yml", "--dry-run"],
        ["promote", "iris", "--environment", "staging", "--back"],
        ["experiment", "compare", "iris", "--environment", "staging"],
    ):
        refused = mx(*command, cwd=tmp_path)
        assert refused.code == 1, command
        assert f"GITLAB_TOKEN is for gitlab.example.com, and the settings would have it sent to {settings.gitlab}." in refused.stderr  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "value", "gitlab", "manifests", "sentence"),
    [
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "https://gitlab.acme.example:443/m.git", ""),
        ("CI_SERVER_URL", "https://gitlab.acme.example/gitlab", "https://GitLab.acme.example/gitlab", "https://gitlab.acme.example/m.git", ""),
        ("GITLAB_HOST", "http://gitlab.acme.example:8080", "http://gitlab.acme.example:8080", "git@elsewhere.example:m.git", ""),
        ("GITLAB_HOST", "gitlab.acme.example", "http://gitlab.acme.example", "/srv/m.git", "sent to http://gitlab.acme.example"),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "https://gitlab.acme.example@evil.example/m.git", "sent to https://evil.example"),
        ("CI_SERVER_URL", "https://gitlab.acme.example", "https://gitlab.acme.example.evil.example", "/srv/m.git", "sent to https://gitlab.acme.example.evil.example"),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example:x", "/srv/m.git", "sent to https://gitlab.acme.example:x"),
        ("GITLAB_HOST", "http://gitlab.acme.example", "http://evil.example\\@gitlab.acme.example", "/srv/m.git", "sent to http://evil.example"),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "ftp::http://evil.example/x.git", "sent to ftp::http://evil.example/x.git"),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "ftps::http://evil.example/x.git", "sent to ftps::http://evil.example/x.git"),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "ftp://evil.example/x.git", "sent to ftp://evil.example/x.git"),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "https://evil.example\t@gitlab.acme.example/x.git", "sent to https://evil.example"),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "ssh://git@elsewhere.example/m.git", ""),
        ("GITLAB_HOST", "gitlab.acme.example", "https://gitlab.acme.example", "/srv/my manifests/m.git", ""),
        ("GITLAB_HOST", "", "https://gitlab.acme.example", "/srv/m.git", "nothing says that GITLAB_TOKEN is for it"),
    ],
)  # fmt: skip
def test_the_token_goes_to_its_own_gitlab(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, gitlab: str, manifests: str, sentence: str
) -> None:
    for name in token.HOMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITLAB_TOKEN", TOKEN)
    monkeypatch.setenv(variable, value)
    named = Settings("r", "b", "e", gitlab, GROUP, "a/b", {"staging": manifests})
    token.check(named, trust=True)
    if sentence:
        with pytest.raises(Refused, match=sentence):
            token.check(named, trust=False)
        monkeypatch.delenv("GITLAB_TOKEN")
    token.check(named, trust=False)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"project_description": "x" * 1001}, "project_description has more than 1000 characters"),
        ({"project_name": "a\nb"}, "project_name is no line of text"),
        ({"project_name": "a\u2028b"}, "project_name is no line of text"),
        ({"project_name": "a\x1bb"}, "project_name is no line of text"),
        ({"project_description": "Who\u00a0leaves,\tand why? 👩\u200d🔬"}, ""),
        ({"project_name": ["a"]}, "project_name is no line of text"),
        ({"project_slug": 12}, "project_slug is no line of text"),
        ({"author_email": "a" * 250 + "@acme.example"}, "author_email has more than 254 characters"),
        ({"jira_url": "jira"}, "jira_url is 'jira', and not an address"),
        ({"project_name": "Ïris 花 🚢", "project_description": "x" * 1000}, ""),
    ],
)
def test_values_that_nobody_could_take_are_refused(
    tmp_path: Path, more: dict[str, object], sentence: str
) -> None:
    path = tmp_path / "values.yml"
    path.write_text(yaml.safe_dump({**dataclasses.asdict(BOARDING), **more}))
    if not sentence:
        taken = dataclasses.asdict(values.read(path))
        assert {name: taken[name] for name in more} == more
        return
    with pytest.raises(UsageProblem, match=sentence):
        values.read(path)
