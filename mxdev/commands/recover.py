"""`mx recover`: the way out after an interrupted run."""

from __future__ import annotations

from pathlib import Path

import click

from mxdev.errors import DONE, SAYS_NO, UsageProblem


@click.command(name="recover")
@click.option("--forward", "direction", flag_value="forward", help="Finish it: apply what is left.")
@click.option("--back", "direction", flag_value="back", help="Take it back: the project as it was before.")
@click.option("--trust", is_flag=True, help="Also a journal that mx cannot tell is yours.")
def recover(direction: str | None, trust: bool) -> int:
    """Finish an interrupted run, or take it back.

    Every command that writes does this first, by itself, so you need it only when that failed or when you want
    another direction. A file that somebody changed since is never overwritten: it stays, it is named, and with
    --forward or --back mx's version is written beside it as NAME.mx-new or NAME.mx-old.

    Only a run of yours in this checkout is carried out. What came with a clone or a copy is named and left alone;
    --trust says that you know it and want it.
    """
    from mxdev.disk import recovery
    from mxdev.disk.locks import lock
    from mxdev.system import console

    root = _root(Path.cwd())
    with lock.hold(root):
        result = recovery.recover(
            root,
            "forward" if direction == "forward" else "back" if direction == "back" else None,
            trust=trust,
        )
    for line in result.report or ("There is no interrupted run to recover.",):
        console.out(line)
    return DONE if result.ok else SAYS_NO


def _root(start: Path) -> Path:
    """The nearest folder with an interrupted run, else the nearest project."""
    from mxdev.disk import journal
    from mxdev.project.project import find_root

    for folder in (start, *start.parents):
        if journal.interrupted(folder):
            return folder
    root = find_root(start)
    if root is None:
        raise UsageProblem(
            f"{start} is in no project, and no run was interrupted here.",
            hint="Go to the project's folder, then run `mx recover` again.",
        )
    return root
