"""What else a model gets: an entry in the service desk, a channel, as `services` in `shipyard.yaml` says.

A service keeps one entry for each model. It is asked, told and asked to forget by a webhook or by a command of the platform team, so that
what it is made of stays their matter. `shipyard.yaml` may be somebody else's: without `--trust` no command of it is run, and no variable of
the environment is sent to a webhook of it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mxdev import State, Step
from mxdev.errors import MxError, Refused

from mxdev_shipyard.onboarding.values import Boarding

# What a command ends with when there is no entry; any other number but 0 is a failure.
NOT_THERE = 3
_SECONDS = 60
_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,39}")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
# Without a user in it, whose password would stand in the repository.
_SAFE = re.compile(r"https://[^@/\s]+/\S*|http://(?:localhost|127\.0\.0\.1)(?::\d+)?/\S*")
_KEYS = ("name", "title", "webhook", "command", "environment", "token", "read_token", "lost")
_LISTS = ("command", "environment")
# They open AWS, GitLab and this repository: no service needs them.
_OF_OTHERS = re.compile(r"AWS_.*|(?:GITLAB|CI_JOB|SHIPYARD|SHIPYARD_READ)_TOKEN")
# What a command gets of the environment besides what its entry names.
_BARE = ("PATH", "HOME", "LANG")
_TRUST = "Look at services in shipyard.yaml; if you trust them, add --trust."


@dataclass(frozen=True)
class Service:
    """A service of the platform.

    Attributes:
        name: the step's name.
        title: what a person reads.
        webhook: the address of a model's entry, with `{slug}` in it; empty: there is a command.
        command: a program with its arguments, run in `folder`; empty: there is a webhook.
        environment: the variables that the command gets besides PATH, HOME and LANG.
        token: the variable of the environment with the webhook's token; empty: it wants none.
        read_token: the variable with a token that may only look, which is taken where the other is not set.
        lost: what is lost when an entry is removed; empty: nothing that matters.
        folder: where `shipyard.yaml` is.
    """

    name: str
    title: str
    webhook: str = ""
    command: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    token: str = ""
    read_token: str = ""
    lost: str = ""
    folder: Path = Path()

    @property
    def reaches_out(self) -> str:
        """What somebody must trust: the program that is run, or the host that is sent a token; empty: there is neither."""
        if self.command:
            named = f" with {', '.join(self.environment)}" if self.environment else ""
            return f"it runs `{shlex.join(self.command)}`{named}"
        names = [name for name in (self.token, self.read_token) if name]
        return f"it sends {' or '.join(names)} to {urlsplit(self.webhook).netloc}" if names else ""


def parse(data: object, folder: Path, taken: frozenset[str]) -> tuple[tuple[Service, ...], list[str]]:
    """The services, and all that is wrong with them; a value that may be a secret is not repeated.

    Args:
        data: what `services` is.
        folder: where commands are run.
        taken: names of other steps.
    """
    if data is None:
        return (), []
    if not isinstance(data, list) or not all(isinstance(one, dict) for one in data):
        return (), ["services is no list of mappings"]
    wrong: list[str] = []
    found: list[Service] = []
    for at, given in enumerate(data, 1):
        name = given.get("name")
        label = f"service {name}" if isinstance(name, str) and _NAME.fullmatch(name) else f"service {at}"
        told = _wrong(given)
        if name in taken or name in {one.name for one in found}:
            told.append("another step has its name")
        wrong += [f"{label}: {one}" for one in told]
        if not told:
            texts = {key: given[key] for key in _KEYS if key not in _LISTS and key in given}
            texts.setdefault("title", str(name).replace("-", " ").capitalize())
            command, environment = (tuple(given.get(key, ())) for key in _LISTS)
            found.append(Service(**texts, command=command, environment=environment, folder=folder))
    return tuple(found), wrong


def _wrong(given: Mapping[Any, Any]) -> list[str]:
    told = [f"{key} is no key of it (there are {', '.join(_KEYS)})" for key in given if key not in _KEYS]
    told += [
        f"{key} is no text"
        for key in _KEYS
        if key in given and key not in _LISTS and not _is_text(given[key])
    ]
    if told:
        return told
    if not _NAME.fullmatch(given.get("name", "")):
        told.append("its name is not 2 to 40 lower-case letters, digits and single dashes")
    if ("webhook" in given) == ("command" in given):
        told.append("it has either a webhook or a command")
    command = given.get("command", ["x"])
    if not isinstance(command, list) or not command or not all(_is_text(word) for word in command):
        told.append("command is a list: the program and its arguments")
    variables = given.get("environment", [])
    if not isinstance(variables, list) or not all(
        _is_text(one) and _VARIABLE.fullmatch(one) for one in variables
    ):
        told.append("environment is a list of names of environment variables")
    elif variables and "command" not in given:
        told.append("environment is for a command")
    if "webhook" in given:
        if not _SAFE.fullmatch(given["webhook"]):
            told.append(
                "webhook is no address with https:// (http:// on this machine only), without a user in it"
            )
        if "{slug}" not in given["webhook"]:
            told.append("webhook has no {slug}, so that all models would have one entry")
    for key in ("token", "read_token"):
        if key in given and "webhook" not in given:
            told.append(f"{key} is for a webhook; a command has what `environment` names")
        elif key in given and not _VARIABLE.fullmatch(given[key]):
            told.append(
                f"{key} is not the name of an environment variable; a secret itself must not stand here"
            )
        elif key in given and _OF_OTHERS.fullmatch(given[key]):
            told.append(f"{key} is {given[key]}, which is for AWS or GitLab and is sent to no webhook")
    return told


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


@dataclass(frozen=True, kw_only=True)
class Entry(Step):
    """The model's entry in a service.

    A webhook is asked by GET (404: there is none), told by PUT, and asked to forget by DELETE. A command is called with `look`, `put` or
    `remove` and the model's slug, and has the entry on its standard input; `look` ends with 3 when there is none. Both may answer `look`
    with the entry as a JSON object: what is other in it is put right, and one of another author is refused.
    """

    service: Service
    boarding: Boarding
    project: str
    trusted: bool

    @property
    def _entry(self) -> dict[str, str]:
        return {
            **asdict(self.boarding),
            "repository": self.boarding.repository,
            "project_url": self.project,
        }

    def look(self) -> State:
        """Whether it is there, this author's, and says the same; not known where that takes trust."""
        if self._untrusted:
            return State.blocked(self._untrusted, _TRUST)
        told = self._ask("look")
        if told is None:
            return State.create(f"{self.boarding.project_slug} in {self._place}")
        entry = _object(told)
        author = entry.get("author_email", self.boarding.author_email)
        if author != self.boarding.author_email:
            return State.blocked(f"there is an entry already, for {author}", "Choose another project_slug.")
        other = sorted(key for key, value in self._entry.items() if entry.get(key, value) != value)
        if other:
            return State.change(f"it has another {', '.join(other)}")
        return State.done(str(entry.get("url") or "there"))

    def do(self, say: Any) -> None:
        """Tell the service, which may know it already from another run."""
        self._ask("put")

    def take_back(self, say: Any) -> None:
        """Have the service forget it."""
        self._ask("remove")

    @property
    def _untrusted(self) -> str:
        return "" if self.trusted else self.service.reaches_out

    @property
    def _place(self) -> str:
        return self.service.webhook.partition("?")[0] or self.service.command[0]

    def _ask(self, what: str) -> str | None:
        """What the service answers; None: there is no entry.

        Raises:
            Refused: that takes trust.
            MxError: it cannot be asked, or refuses.
        """
        if self._untrusted:
            raise Refused(f"{self.service.title}: {self._untrusted}.", hint=_TRUST)
        return self._request(what) if self.service.webhook else self._run(what)

    def _request(self, what: str) -> str | None:
        import requests

        method = {"look": "GET", "put": "PUT", "remove": "DELETE"}[what]
        address = self.service.webhook.replace("{slug}", self.boarding.project_slug)
        headers = {"Authorization": f"Bearer {token}"} if (token := self._token(what)) else {}
        try:
            # Elsewhere the token would be known to somebody else.
            answer = requests.request(
                method, address, json=self._entry if what == "put" else None, headers=headers,
                timeout=_SECONDS, allow_redirects=False,
            )  # fmt: skip
        except requests.RequestException as error:
            raise MxError(f"{method} {address} cannot be asked: {type(error).__name__}") from error
        if answer.status_code == 404 and what != "put":
            return None
        if not 200 <= answer.status_code < 300:
            hint = None
            if answer.status_code in (401, 403):
                hint = f"Look at {self.service.token or 'token in shipyard.yaml, which names a variable of the environment'}."
            raise MxError(
                f"{method} {address} is answered with {answer.status_code}: {answer.text.strip()[:300]}",
                hint=hint,
            )
        if what == "look" and answer.text.strip() and not _object(answer.text):
            raise MxError(
                f"{method} {address} is answered with something else than the entry as a JSON object.",
                hint="Perhaps it shows a page to log in; look at the address in shipyard.yaml.",
            )
        return answer.text

    def _token(self, what: str) -> str:
        names = [self.service.token, self.service.read_token if what == "look" else ""]
        wanted = [name for name in names if name]
        for name in wanted:
            if value := os.environ.get(name):
                return value
        if wanted:
            raise MxError(
                f"{' and '.join(wanted)} {'are' if len(wanted) > 1 else 'is'} not set.",
                hint=f"Export the token of {self.service.title}.",
            )
        return ""

    def _run(self, what: str) -> str | None:
        command = [*self.service.command, what, self.boarding.project_slug]
        wanted = (*_BARE, *self.service.environment)
        environment = {name: os.environ[name] for name in wanted if name in os.environ}
        try:
            done = subprocess.run(
                command, cwd=self.service.folder, env=environment, input=json.dumps(self._entry), capture_output=True,
                text=True, timeout=_SECONDS, check=False,
            )  # fmt: skip
        except OSError as error:
            raise MxError(
                f"{command[0]} cannot be run: {error.strerror}.", hint="Look at services in shipyard.yaml."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise MxError(f"`{' '.join(command)}` did not end within {_SECONDS} seconds.") from error
        if done.returncode == NOT_THERE and what == "look":
            return None
        if done.returncode:
            raise MxError(
                f"`{' '.join(command)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}"
            )
        return done.stdout


def _object(text: str) -> dict[str, Any]:
    """What a service answered, if it is a JSON object; else nothing is known of the entry but that it is there."""
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
