"""Runs Terraform in the folder of the server: one place for its words, its time and what it says."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.errors import MxError, Refused

# Seconds. What changes the world has no limit: a certificate waits for a person's DNS record.
READS = 600


@dataclass(frozen=True)
class Terraform:
    """Terraform in `folder`."""

    folder: Path

    @property
    def ready(self) -> bool:
        """Whether `terraform init` was there."""
        return (self.folder / ".terraform/providers").is_dir()

    def init(self) -> None:
        """Fetch the providers, and find the state.

        Raises:
            MxError: it failed.
        """
        self._read("init", "-input=false", "-no-color")

    def plan(self, out: Path, *arguments: str) -> list[dict[str, Any]]:
        """Plan into the file `out`; what would change, as Terraform's JSON has it.

        Raises:
            MxError: it failed.
        """
        self._read("plan", "-input=false", "-no-color", "-lock=false", f"-out={out}", *arguments)
        shown = json.loads(self._read("show", "-json", str(out)))
        changes = shown.get("resource_changes", [])
        return [one for one in changes if set(one["change"]["actions"]) - {"no-op", "read"}]

    def state(self) -> list[str]:
        """The addresses of what the state has; data sources are left out. Empty if there is no state yet."""
        try:
            lines = self._read("state", "list", "-no-color").splitlines()
        except MxError as error:
            if "No state file was found" in error.message:
                return []
            raise
        return [line for line in lines if not line.startswith("data.")]

    def apply(self, plan: Path, say: Callable[[str], None]) -> None:
        """Do what a plan says, and nothing else; it says what it has finished.

        Raises:
            MxError: it failed.
        """
        command = ["terraform", "apply", "-input=false", "-no-color", "-auto-approve", str(plan)]
        with self._started(command) as process:
            said = []
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    said.append(line)
                    if " complete after " in line:
                        say(line.strip())
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            raise _failed("apply", "".join(said))

    def _read(self, *arguments: str) -> str:
        with self._started(["terraform", *arguments], apart=True) as process:
            try:
                text, said = process.communicate(timeout=READS)
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise MxError(
                    f"`terraform {arguments[0]}` in {self.folder} did not end in {READS // 60} minutes."
                ) from error
            except BaseException:
                process.terminate()
                raise
        if process.returncode:
            raise _failed(arguments[0], f"{text}{said}")
        return text

    def _started(self, command: list[str], *, apart: bool = False) -> subprocess.Popen[str]:
        """Terraform, started; `apart`: what it warns of is not among what it prints.

        Raises:
            Refused: another workspace than `default` is selected.
            MxError: it is missing.
        """
        self._refuse_another_workspace()
        # Its own words are read: neither somebody's flags nor a question may come between.
        unwanted = ("TF_CLI_ARGS", "TF_LOG", "TF_INPUT")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        try:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env={**environment, "TF_IN_AUTOMATION": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if apart else subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except FileNotFoundError as error:
            raise MxError(
                "terraform is not installed.", hint="See https://developer.hashicorp.com/terraform/install."
            ) from error

    def _refuse_another_workspace(self) -> None:
        """Its state is another one: everything would be made a second time, and nothing would be found to take down."""
        named = os.environ.get("TF_WORKSPACE", "")
        chosen = self.folder / (os.environ.get("TF_DATA_DIR") or ".terraform") / "environment"
        try:
            selected = named or chosen.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            selected = ""
        if selected in ("", "default"):
            return
        way = "`unset TF_WORKSPACE`" if named else f"In {self.folder}: `terraform workspace select default`"
        raise Refused(
            f"Terraform's workspace is {selected}, which has a state of its own: the server is not in it.",
            hint=f"{way}, then again.",
        )


# What Terraform says, and what to do about it.
_HINTS = (
    ("No value for required variable", "Say which project deploys: `mx generate Ec2ModelServer --gitlab-project GROUP/PROJECT`."),
    ("No valid credential sources found", "Log in to AWS: `aws sso login`, or set AWS_PROFILE."),
    ("Error acquiring the state lock", "Somebody else applies; wait for it. A lock that was left behind: `terraform force-unlock ID`."),
    ("Backend initialization required", "backend.tf has changed: `terraform init -migrate-state` in that folder, once, by hand."),
    ("EntityAlreadyExists", "The account knows this GitLab server already: put `create_identity_provider = false` into terraform.tfvars."),
)  # fmt: skip


def _failed(command: str, text: str) -> MxError:
    errors = [line.lstrip("│ ") for line in text.splitlines()]
    first = next((at for at, line in enumerate(errors) if line.startswith("Error")), 0)
    said = "\n".join(line for line in errors[first : first + 12] if line.strip("╷╵ "))
    hint = next((hint for sign, hint in _HINTS if sign in text), None)
    return MxError(f"`terraform {command}` failed: {said.strip()}", hint=hint)
