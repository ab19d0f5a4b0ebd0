"""Runs Terraform in a project's folder: its words are made by python-terraform, its processes are run as mx runs programs.

python-terraform's own way to run it has no end for one that hangs, and leaves it alone on ^C.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mxdev.errors import MxError
from mxdev.infra import failures, surroundings
from mxdev.infra.failures import TerraformFailed
from mxdev.infra.place import Place
from mxdev.system import foreground, programs
from mxdev.system.files import plain

# `init -json`, and conditions over several variables, are of 1.9; the rendered versions.tf wants 1.10.
MINIMUM = "1.10"
# How many files of a folder are looked at for one that Terraform would wait for.
_MOST_FILES = 5_000
# How long Terraform may take to read its state or a plan, in seconds. What changes the world has no limit, and shows progress.
READS = 120.0
# How long a plan may take that nobody watches.
PLANS = 900.0
Say = Callable[[str], None]
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass(frozen=True)
class Run:
    """What a run of Terraform said: its events, and the lines that were none."""

    code: int
    events: tuple[dict[str, Any], ...]
    text: str

    def problems(self) -> list[str]:
        """Its errors, each with what it is about; the plain text where there is none."""
        said = [
            _diagnostic(event.get("diagnostic") or {})
            for event in self.events
            if event.get("type") == "diagnostic" and event.get("@level") == "error"
        ]
        return said or [self.text]


class Terraform:
    """Terraform in a project's folder.

    Raises:
        MissingTool: there is no Terraform, or it is too old.
        Refused: another workspace than the project's is selected.
        MxError: python-terraform is missing, or what `terraform init` makes came with the repository.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        surroundings.refuse_brought(place)
        if endless := _endless(place):
            raise MxError(
                f"{endless} is a pipe or a device: Terraform would wait for it, or read without an end.",
                hint="Remove it, or put a file in its place.",
            )
        tool = replace(programs.get("terraform"), minimum=MINIMUM)
        surroundings.refuse_another_workspace(place)
        self._environment = {**tool.environment, **surroundings.without_arguments()}
        if place.environment:
            self._environment["TF_DATA_DIR"] = str(place.data)
        self.program = programs.find(tool)
        self._speaker = _speaker(self.program.command[0], str(place.folder))

    def words(self, command: str, *arguments: str, **options: Any) -> list[str]:
        """The whole command line. Options are python-terraform's: `input=False` is -input=false, True alone is a flag."""
        from python_terraform import IsFlagged

        flags = {name: IsFlagged if value is True else value for name, value in options.items()}
        made: list[str] = self._speaker.generate_cmd_string(command, *arguments, **flags)
        return made

    def read(self, command: str, *arguments: str, **options: Any) -> str:
        """Run a command that only reads, and return what it printed.

        Raises:
            TerraformFailed: it failed.
            MxError: it could not be started, or hung.
        """
        words = self.words(command, *arguments, **options)
        result = programs.run(
            words, cwd=self.place.folder, env=self._environment, capture=True, timeout=READS
        )
        if result.code:
            said = (result.stderr or result.stdout).decode("utf-8", "replace")
            raise self._failed(command, [said], result.code)
        return result.stdout.decode("utf-8", "replace")

    def differs(self, plan: Path) -> bool:
        """Plan into the file `plan`, without a lock, and say whether something would change (-detailed-exitcode).

        Raises:
            TerraformFailed: it failed.
            MxError: it could not be started, or hung.
        """
        words = self.words(
            "plan", out=str(plan), detailed_exitcode=True, lock=False, input=False, no_color=True,
            var_file=list(self.place.values),
        )  # fmt: skip
        result = programs.run(
            words, cwd=self.place.folder, env=self._environment, capture=True, timeout=PLANS
        )
        if result.code in (0, 2):
            return result.code == 2
        said = (result.stderr or result.stdout).decode("utf-8", "replace")
        raise self._failed("plan", [said], result.code)

    def json(self, command: str, *arguments: str, **options: Any) -> Any:
        """As `read`, with -json; what it printed, parsed.

        Raises:
            MxError: as `read`, or what it printed is not JSON.
        """
        text = self.read(command, *arguments, json=True, **options)
        try:
            return json.loads(text)
        except ValueError:
            raise MxError(
                f"`terraform {command} -json` printed no JSON: {text.strip()[:200] or 'nothing'}",
                hint=f"Is {self.program.command[0]} Terraform? `terraform version` says.",
            ) from None

    def alter(self, command: str, *arguments: str, **options: Any) -> None:
        """Run a command that changes the state or its lock at once, asks nothing, and has no events: ^C lets it end in order.

        Such a command takes no notice of ^C, so mx keeps the terminal and is told of it itself.

        Raises:
            TerraformFailed: it failed.
            MxError: it could not be started.
            KeyboardInterrupt: it was interrupted, and has ended.
        """
        plain_words = {"json": None, "input": None, "no_color": None, **options}
        self.work(command, *arguments, say=_unsaid, keeps_terminal=True, **plain_words)

    def work(
        self, command: str, *arguments: str, say: Say, keeps_terminal: bool = False, **options: Any
    ) -> Run:
        """Run a command that may take long, with its progress shown; ^C lets it end in order, a third one kills it.

        Args:
            command: Terraform's command.
            arguments: what follows its options.
            say: gets its progress.
            keeps_terminal: mx keeps the terminal, and hands ^C on as SIGTERM; for a command that does not end by ^C.
            options: as those of `words`.

        Raises:
            TerraformFailed: it failed.
            MxError: it could not be started.
            KeyboardInterrupt: it was interrupted, and has ended.
        """
        words = self.words(command, *arguments, **{"json": True, "input": False, "no_color": True, **options})
        events: list[dict[str, Any]] = []
        texts: list[str] = []
        interrupted = False

        def line(data: bytes) -> None:
            nonlocal interrupted
            text = data.decode("utf-8", "replace").rstrip("\n")
            event = _event(text)
            if event is None:
                texts.append(text)
                return
            events.append(event)
            message = str(event.get("@message", ""))
            if "Interrupt received" in message:
                interrupted = True
                say("stopping: what runs is finished first; ^C again stops at once, and may lose the state")
            elif _worth_saying(event):
                say(message)

        environment = {**os.environ, **{k: v for k, v in self._environment.items() if v is not None}}
        for name in (name for name, value in self._environment.items() if value is None):
            environment.pop(name, None)
        sys.stdout.flush()
        try:
            ended = foreground.run(
                words, cwd=self.place.folder, environ=environment, lines=line, server=keeps_terminal
            )
        except OSError as problem:
            raise MxError(f"{words[0]} cannot be started: {problem.strerror or problem}.") from problem
        if ended.interrupted or interrupted:
            raise KeyboardInterrupt
        run = Run(ended.code, tuple(events), "\n".join(texts).strip())
        if ended.code:
            raise self._failed(command, run.problems(), ended.code)
        return run

    def _failed(self, command: str, texts: list[str], code: int) -> TerraformFailed:
        problem = failures.error(f"terraform {command}", [_said(text) for text in texts], code=code)
        problem.hint = self.place.commands(problem.hint) if problem.hint else None
        return problem


def _endless(place: Place) -> Path | None:
    """The first pipe or device among what Terraform may open in its folder and that of its data."""
    looked_at = 0
    for top in dict.fromkeys((place.folder, place.data)):
        for here, folders, names in os.walk(top):
            folders[:] = [name for name in folders if name != "providers"]
            for name in names:
                looked_at += 1
                if plain.is_endless(Path(here, name)):
                    return Path(here, name)
            if looked_at > _MOST_FILES:
                break
    return None


def _speaker(program: str, folder: str) -> Any:
    try:
        import python_terraform
    except ImportError as problem:
        raise MxError(
            "python-terraform is missing, which mx runs Terraform through.",
            hint="Install mx anew: `pip install --force-reinstall mx-devtool`.",
        ) from problem

    # It reads a state file when it is made, and fails on a broken one; there is none of this name.
    return python_terraform.Terraform(
        working_dir=folder, terraform_bin_path=program, state="no-state-is-read"
    )


def _unsaid(text: str) -> None:
    """There are no events whose progress could be shown."""


def _said(text: str) -> str:
    """What Terraform said without its colours, which some commands have whatever they write to."""
    return _COLOUR.sub("", text)


def _event(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "@message" in event else None


def _worth_saying(event: dict[str, Any]) -> bool:
    kind = event.get("type")
    if kind == "apply_progress":  # comes every ten seconds
        return bool(int((event.get("hook") or {}).get("elapsed_seconds") or 0) % 60 < 10)
    return kind in ("apply_start", "apply_complete", "apply_errored")


def _diagnostic(said: dict[str, Any]) -> str:
    about = f"{said['address']}: " if said.get("address") else ""
    where = said.get("range") or {}
    line = (where.get("start") or {}).get("line")
    place = f" ({where['filename']} line {line})" if where.get("filename") and line else ""
    detail = f"\n{said['detail']}" if said.get("detail") else ""
    return f"{about}{said.get('summary', '')}{place}{detail}"
