"""What the hook `mx_check_plan` sees of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CheckedChange:
    """What becomes of one file.

    Attributes:
        path: relative to the root.
        status: create, identical, update, merge, conflict, keep, remove or orphan.
        resolution: of a conflict: keep, overwrite or merge; else None.
        generators: the instances that render it.
        plugins: the distributions that these come from.
        before: the bytes that stand there; None if there is no file.
        after: the bytes that will stand there; None if there will be no file.
        executable: whether it will be a program.
    """

    path: str
    status: str
    resolution: str | None
    generators: tuple[str, ...]
    plugins: tuple[str, ...]
    before: bytes | None
    after: bytes | None
    executable: bool


@dataclass(frozen=True)
class CheckedPlan:
    """A plan, settled and not applied yet. Nothing can be changed through it.

    Attributes:
        command: what makes the change, such as "mx generate StreamlitApp", "mx update" or "undo of mx update".
        root: the project's folder; of a new project it does not exist yet.
        dry_run: the plan is only shown.
        options: the project's options as they will be, by name; as they are where the command does not touch them.
        changes: one for each path outside `.mx/`.
    """

    command: str
    root: Path
    dry_run: bool
    options: Mapping[str, Any]
    changes: tuple[CheckedChange, ...]
