"""Service desk and channels: what `services` in shipyard.yaml may be, and what is made of what a service answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shipyard_platform
from mxdev.errors import MxError, UsageProblem
from shipyard_platform import DESK_READ_TOKEN, DESK_TOKEN, Platform

from mxdev_shipyard.onboarding import services, settings
from mxdev_shipyard.onboarding.services import Entry, Service
from mxdev_shipyard.onboarding.values import Boarding

IRIS = Boarding(
    "Iris", "iris", "Which?", "https://w.example.com", "https://j.example.com", "ada@acme.example"
)


def entry(service: Service, *, trusted: bool = True) -> Entry:
    return Entry(
        name=service.name,
        title=service.title,
        service=service,
        boarding=IRIS,
        project="https://g.example.com/iris",
        trusted=trusted,
    )


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with shipyard_platform.served(tmp_path_factory.mktemp("git")) as served:
        yield served


@pytest.fixture
def desk(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Entry:
    platform.desk.clear()
    for name in ("DESK_TOKEN", "DESK_READ_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DESK_TOKEN", DESK_TOKEN)
    given = {
        "webhook": f"{platform.url}/desk/{{slug}}",
        "token": "DESK_TOKEN",
        "read_token": "DESK_READ_TOKEN",
    }
    return entry(Service("desk", "Desk", **given))


def test_an_entry_is_made_put_right_and_forgotten(platform: Platform, desk: Entry) -> None:
    assert desk.look().verb == "create"
    desk.do(print)
    assert (desk.look().verb, desk.look().why) == ("done", f"{platform.url}/tickets/1")
    platform.desk["iris"]["project_name"] = "Rose"
    assert (desk.look().verb, desk.look().why) == ("change", "it has another project_name")
    desk.do(print)
    assert desk.look().verb == "done"
    assert desk.look_back().verb == "remove"
    desk.take_back(print)
    assert platform.desk == {}
    assert desk.look_back().verb == "done"
    desk.take_back(print)  # another run has just done it


def test_the_entry_of_somebody_else_is_refused_and_not_taken_back(platform: Platform, desk: Entry) -> None:
    platform.desk["iris"] = {"author_email": "bob@acme.example"}
    for found in (desk.look(), desk.look_back()):
        assert (found.verb, found.why) == ("blocked", "there is an entry already, for bob@acme.example")


def test_a_merge_request_looks_by_a_token_that_may_not_change_anything(
    platform: Platform, desk: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DESK_TOKEN")
    with pytest.raises(MxError, match="DESK_TOKEN and DESK_READ_TOKEN are not set"):
        desk.look()
    monkeypatch.setenv("DESK_READ_TOKEN", DESK_READ_TOKEN)
    assert desk.look().verb == "create"
    with pytest.raises(MxError, match="DESK_TOKEN is not set"):
        desk.do(print)


def test_a_wrong_token_is_told_and_not_shown(desk: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_TOKEN", "not-the-one")
    with pytest.raises(MxError, match="is answered with 403") as refused:
        desk.do(print)
    assert refused.value.hint == "Look at DESK_TOKEN."
    assert "not-the-one" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (302, b"", "is answered with 302"),  # a token goes nowhere else
        (200, b"<html>Log in</html>", "something else than the entry"),
        (500, b"out of order", "is answered with 500: out of order"),
    ],
)
def test_what_is_no_answer_of_a_service_is_no_entry(
    desk: Entry, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, told: str
) -> None:
    def serve(self: Any) -> None:
        self._send(status, body, (("Location", "http://127.0.0.1:9/"),))

    monkeypatch.setattr(shipyard_platform._Handler, "_serve", serve)
    with pytest.raises(MxError, match=told):
        desk.look()


def test_a_service_that_is_away_is_told(desk: Entry) -> None:
    away = entry(Service("desk", "Desk", webhook="http://127.0.0.1:9/{slug}"))
    with pytest.raises(MxError, match=r"GET http://127.0.0.1:9/iris cannot be asked: ConnectionError"):
        away.look()


def test_a_command_is_called_beside_the_settings(tmp_path: Path) -> None:
    script = """\
echo "$@" >> calls
case $1 in
  look) if [ -f entry ]; then cat entry; else exit 3; fi ;;
  put) cat > entry ;;
  remove) rm entry ;;
esac
"""
    (tmp_path / "channel.sh").write_text(script)
    channel = entry(Service("channel", "Channel", command=("sh", "channel.sh"), folder=tmp_path))
    assert channel.look().verb == "create"
    channel.do(print)
    assert json.loads((tmp_path / "entry").read_text())["repository"] == "deploy-iris-model"
    assert channel.look().verb == "done"
    channel.take_back(print)
    assert (tmp_path / "calls").read_text() == "look iris\nput iris\nlook iris\nremove iris\n"
    (tmp_path / "channel.sh").write_text("echo it is full >&2; exit 3\n")
    with pytest.raises(MxError, match=r"`sh channel.sh put iris` ended with 3: it is full"):
        channel.do(print)
    missing = entry(Service("channel", "Channel", command=("no-such-program",), folder=tmp_path))
    with pytest.raises(MxError, match="no-such-program cannot be run"):
        missing.look()


def test_a_command_gets_no_variable_that_its_entry_does_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GITLAB_TOKEN", "AWS_SECRET_ACCESS_KEY", "CHAT_TOKEN"):
        monkeypatch.setenv(name, "secret")
    command = ("sh", "-c", "env > had; exit 3")
    named = ("CHAT_TOKEN", "NOT_SET")
    channel = entry(Service("channel", "Channel", command=command, environment=named, folder=tmp_path))
    assert channel.look().verb == "create"
    had = {line.partition("=")[0] for line in (tmp_path / "had").read_text().splitlines()}
    assert "CHAT_TOKEN" in had
    # A shell sets some of its own.
    assert had <= {"PATH", "HOME", "LANG", "CHAT_TOKEN", "PWD", "OLDPWD", "SHLVL", "_"}


def test_without_trust_no_command_is_run_and_no_token_sent(
    platform: Platform, desk: Entry, tmp_path: Path
) -> None:
    command = ("sh", "-c", "touch ran; exit 3")
    runs = Service("channel", "Channel", command=command, environment=("CHAT_TOKEN",), folder=tmp_path)
    channel, untrusted = entry(runs, trusted=False), entry(desk.service, trusted=False)
    before = list(platform.desk_calls)
    for found in (channel.look(), channel.look_back()):
        assert (found.verb, "--trust" in found.remedy) == ("blocked", True)
        assert found.why == "it runs `sh -c 'touch ran; exit 3'` with CHAT_TOKEN"
    for found in (untrusted.look(), untrusted.look_back()):
        assert found.verb == "blocked"
        assert (
            found.why == f"it sends DESK_TOKEN or DESK_READ_TOKEN to {platform.url.removeprefix('http://')}"
        )
    for act in (channel.do, channel.take_back, untrusted.do, untrusted.take_back):
        with pytest.raises(MxError, match=r"it (runs|sends)"):
            act(print)
    assert not (tmp_path / "ran").exists()
    assert platform.desk_calls == before
    # What neither runs nor sends anything needs no trust; here nothing answers.
    with pytest.raises(MxError, match="cannot be asked"):
        entry(Service("desk", "Desk", webhook="http://127.0.0.1:9/{slug}"), trusted=False).look()


HOOK = "https://desk.example.com/{slug}"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "desk", "webhook": HOOK, "command": ["x"]}, "service desk: it has either a webhook or a command"),
        ({"name": "desk"}, "either a webhook or a command"),
        ({"name": "Desk!", "webhook": HOOK}, "service 1: its name is not"),
        ({"name": "seed", "webhook": HOOK}, "service seed: another step has its name"),
        ({"name": "manifest-staging", "webhook": HOOK}, "another step has its name"),
        ({"name": "desk", "webhook": "https://desk.example.com/"}, "webhook has no {slug}"),
        ({"name": "desk", "webhook": "http://desk.example.com/{slug}"}, "webhook is no address with https://"),
        ({"name": "desk", "webhook": "https://me:glpat-1@desk.example.com/{slug}"}, "without a user in it"),
        ({"name": "desk", "webhook": HOOK, "token": "glpat-secret"}, "token is not the name of an environment variable"),
        ({"name": "desk", "command": ["x"], "token": "TOKEN"}, "token is for a webhook"),
        ({"name": "desk", "webhook": HOOK, "token": "AWS_SECRET_ACCESS_KEY"}, "token is AWS_SECRET_ACCESS_KEY, which is for AWS"),
        ({"name": "desk", "webhook": HOOK, "read_token": "CI_JOB_TOKEN"}, "read_token is CI_JOB_TOKEN"),
        ({"name": "desk", "webhook": HOOK, "token": "GITLAB_TOKEN"}, "is sent to no webhook"),
        ({"name": "desk", "webhook": HOOK, "token": "SHIPYARD_TOKEN"}, "is sent to no webhook"),
        ({"name": "desk", "webhook": HOOK, "environment": ["X"]}, "environment is for a command"),
        ({"name": "desk", "command": ["x"], "environment": "X"}, "environment is a list of names"),
        ({"name": "desk", "command": ["x"], "environment": ["X=glpat-1"]}, "environment is a list of names"),
        ({"name": "desk", "command": "channel.py"}, "command is a list"),
        ({"name": "desk", "command": []}, "command is a list"),
        ({"name": "desk", "webhook": HOOK, "url": "x"}, "url is no key of it"),
        ({"name": 7, "webhook": HOOK}, "service 1: name is no text"),
    ],
)  # fmt: skip
def test_what_is_misconfigured_is_told_and_no_secret_repeated(given: dict[str, Any], told: str) -> None:
    taken = frozenset({*settings.STEPS, "manifest-staging"})
    found, wrong = services.parse([given], Path(), taken)
    assert found == ()
    assert told in "; ".join(wrong)
    assert "glpat" not in "; ".join(wrong)


def test_the_settings_are_refused_whole(tmp_path: Path) -> None:
    import yaml

    texts = dict.fromkeys(("region", "bucket", "registry", "gitlab", "group", "pipelines"), "x")
    whole = {**texts, "environments": {"staging": "x"}, "policy": {}}
    path = tmp_path / "shipyard.yaml"
    path.write_text(yaml.safe_dump({**whole, "services": [{"name": "desk", "webhook": HOOK}] * 2}))
    with pytest.raises(UsageProblem, match=r"shipyard\.yaml: service desk: another step has its name"):
        settings.read(path)
    path.write_text(yaml.safe_dump({**whole, "services": [{"name": "service-desk", "webhook": HOOK}]}))
    [service] = settings.read(path).services
    assert (service.title, service.folder) == ("Service desk", tmp_path)
