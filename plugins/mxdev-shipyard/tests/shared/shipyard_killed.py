"""`mx onboard`, which a test kills: notes in $DONE each change of the world, and is killed by SIGKILL at the one that $KILL names.

A change is noted after it has happened; `to push` is noted before a push.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from botocore.client import BaseClient
from gitlab.v4.objects import ProjectManager

from mxdev_shipyard.onboarding import git
from mxdev_shipyard.onboarding.command import onboard
from mxdev_shipyard.onboarding.services import Entry

WRITES = ("CreateRepository", "PutLifecyclePolicy", "PutObject")
call, create, run, put = BaseClient._make_api_call, ProjectManager.create, git.run, Entry.do


def happened(event: str) -> None:
    with Path(os.environ["DONE"]).open("a") as done:
        done.write(f"{event}\n")
    if event == os.environ.get("KILL"):
        os.kill(os.getpid(), signal.SIGKILL)


def called(self: Any, operation: str, given: dict[str, Any]) -> Any:
    answer = call(self, operation, given)
    if operation in WRITES:
        happened(f"{operation} {given.get('Key', '')}".strip())
    return answer


def created(self: Any, *arguments: Any, **more: Any) -> Any:
    answer = create(self, *arguments, **more)
    happened("project")
    return answer


def ran(*arguments: str, cwd: Path | None = None) -> str:
    if arguments[0] != "push":
        return run(*arguments, cwd=cwd)
    address = arguments[2]
    if address == "origin":
        address = run("remote", "get-url", "origin", cwd=cwd).strip()
    name = address.rpartition("/")[2]
    happened(f"to push {name}")
    answer = run(*arguments, cwd=cwd)
    happened(f"push {name}")
    return answer


def done(self: Entry, say: Any) -> None:
    put(self, say)
    happened(f"entry {self.name}")


BaseClient._make_api_call = called
Entry.do = done  # type: ignore[method-assign]
ProjectManager.create = created
git.run = ran
sys.exit(onboard.main([*sys.argv[1:], "--trust"], standalone_mode=False))
