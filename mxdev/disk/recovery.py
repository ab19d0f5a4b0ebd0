"""What becomes of a run that was interrupted: finished, taken back, or set aside when somebody else's bytes stand in it.

No bytes that mx did not write are ever overwritten or removed here, in either direction: a target that is neither
what it was before the run nor what the run made of it is left alone and named.
"""

# Strings and os functions on purpose: this is part of a 20 ms budget.
# ruff: noqa: PTH100, PTH112, PTH120

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal, NamedTuple

from mxdev.disk import fs, journal
from mxdev.disk.journal_format import Entry, Journal
from mxdev.disk.paths import resolve_inside
from mxdev.disk.targets import Side, Targets
from mxdev.errors import COULD_NOT, SAYS_NO, MxError
from mxdev.system.signals import deferred

Direction = Literal["forward", "back"]


class Recovery(NamedTuple):
    """What a recovery did.

    Attributes:
        report: lines for a person; empty when there was nothing to recover.
        ok: False when a file of somebody else stood in the way (the command exits 1).
    """

    report: tuple[str, ...]
    ok: bool = True


def recover(root: Path, direction: Direction | None = None, *, trust: bool = False) -> Recovery:
    """Finish or take back what a killed run left; the caller holds the lock.

    Without the commit mark nothing had changed and the journal is dropped. With it and without a direction: finished
    when every target is "before" or "after", or taken back when that fails; when something else stands in a target,
    the others are put back and the journal is set aside in `.mx/undo/`, so that `forward` and `back` still work.

    Args:
        root: the project's folder.
        direction: "forward" or "back" do that with every target that is nobody else's, and write mx's bytes for the
            others beside them, as `NAME.mx-new` (forward) or `NAME.mx-old` (back).
        trust: also a journal that is not known to be of this user in this checkout.

    Raises:
        NotOurs: the journal came with the project.
        MxError: the journal cannot be read, or the disk refuses both directions; the journal stays.
    """
    top = Path(os.path.abspath(root))
    resolve_inside(top, journal.COMMITTED)
    with deferred(), fs.beneath(str(top)):
        committed = top / journal.COMMITTED
        dropped = os.path.lexists(top / journal.PREPARED)
        if dropped:
            journal.discard(top)
            if os.path.lexists(top / journal.PREPARED):
                raise MxError(
                    f"Cannot remove {top / journal.PREPARED}.",
                    hint="Delete it by hand; nothing else changed.",
                )
        place = committed if os.path.lexists(committed) else _set_aside(top) if direction else None
        if place is None:
            said = "An interrupted run had changed nothing yet; its journal was removed."
            return Recovery((said,) if dropped else ())
        plan = journal.own(top, place, trust=trust)
        if place != committed:
            _take_up(top, place)
        targets = Targets(top, plan)
        targets.remove_temporaries()
        targets.look()
        if direction is None:
            return _by_itself(top, targets)
        return _forced(top, targets, "after" if direction == "forward" else "before")


def roll_back(root: Path, plan: Journal, error: BaseException, *, keep: bool = False) -> BaseException:
    """Take a plan back in the process in which it failed.

    Args:
        root: the project's folder.
        plan: the journal, committed.
        error: what went wrong.
        keep: set the journal aside rather than drop it, also when nothing foreign stands in it.

    Returns:
        The error to raise: what happened and what has become of the project. `error` itself for ^C and the like.
    """
    ordinary = isinstance(error, OSError | MxError)
    if not os.path.lexists(root / journal.COMMITTED):  # it was being retired
        said = f"{_text(error)} All changes were made, but the disk may not keep them."
        return MxError(said, hint=_hint(error)) if ordinary else error
    foreign: list[Entry] = []
    doubt = ""
    opened = contextlib.ExitStack()
    try:
        opened.enter_context(fs.beneath(os.path.abspath(root)))  # opened anew: folders may have changed
        targets = Targets(root, plan)
        targets.remove_temporaries()
        targets.look()
        foreign = targets.foreign()
        targets.converge("before", tolerant=True)
        if foreign or keep:
            _put_aside(root, plan)
        else:
            _drop(root)
    except (OSError, MxError) as second:
        if os.path.lexists(root / journal.COMMITTED):
            said = f"{_text(error)} Taking the changes back failed too: {_text(second)} The project is half changed."
            return MxError(
                said, hint="When the cause is gone, run `mx recover --back` or `mx recover --forward`."
            )
        doubt = ", but the disk may not keep that"
    finally:
        opened.close()
    if not ordinary:
        return error
    said = f"{_text(error)} The project is as it was before{doubt}."
    if foreign:
        names = ", ".join(entry.path for entry in foreign)
        said += f" Left as it stands, since mx did not write it: {names}."
    if foreign or keep:
        said += " What mx wanted to write is kept for `mx recover --forward`."
    return MxError(said, hint=_hint(error))


def _by_itself(root: Path, targets: Targets) -> Recovery:
    plan = targets.journal
    foreign = targets.foreign()
    if not foreign:
        try:
            targets.converge("after")
            journal.retire(root, plan)
        except (OSError, MxError) as error:
            result = roll_back(root, plan, error, keep=True)
            said = f"Could not finish the interrupted run `{plan.title}`: {_text(result)}"
            waits = os.path.lexists(root / journal.COMMITTED)
            raise MxError(said, hint=_hint(result), code=COULD_NOT if waits else SAYS_NO) from error
        return Recovery((f"Finished the interrupted run `{plan.title}` ({len(plan.entries)} files).",))
    back = [entry.path for entry in plan.entries if targets.side(entry) == "after"]
    targets.converge("before", tolerant=True)
    _put_aside(root, plan)
    return Recovery(
        (
            f"The run `{plan.title}` was interrupted, and other changes were made since; it was taken back.",
            *(f"  put back    {path}" for path in back),
            *(
                f"  left alone  {entry.path} (neither as it was before the run nor as the run made it)"
                for entry in foreign
            ),
            "What the run wanted to write is kept: `mx recover --forward` applies the rest of it and puts the new "
            "version of what was left alone beside it, `mx recover --back` drops it.",
        ),
        ok=False,
    )


def _forced(root: Path, targets: Targets, goal: Side) -> Recovery:
    plan, foreign = targets.journal, targets.foreign()
    copies = [(entry, _copy_beside(targets, entry, goal)) for entry in foreign]
    targets.converge(goal, tolerant=True)
    if goal == "after":
        journal.retire(root, plan)
    else:
        _drop(root)
    done = "Finished" if goal == "after" else "Took back"
    lines = [f"{done} the interrupted run `{plan.title}`."]
    for entry, copy in copies:
        beside = f"; mx's version is {copy}" if copy else ""
        lines.append(f"  left alone  {entry.path} (changed since by something else{beside})")
    return Recovery(tuple(lines), ok=not foreign)


def _copy_beside(targets: Targets, entry: Entry, goal: Side) -> str | None:
    """Write mx's bytes for a target that is somebody else's beside it; gives the copy's path, None if there are none."""
    want = entry.after if goal == "after" else entry.before
    data = targets.journal.blobs.get(want.sha256 or "")
    if data is None:
        return None
    disk, number = fs.current(), 1
    while True:
        path = f"{entry.path}.mx-{'new' if goal == 'after' else 'old'}{'' if number == 1 else f'-{number}'}"
        there = fs.look(targets.absolute(path))
        if there.sha256 == want.sha256:
            return path
        if there.kind == "absent":
            break
        number += 1
    target, temporary = targets.absolute(path), targets.temporary(entry)
    with fs.explained("write", target, after="The journal is kept."):
        disk.write_new(temporary, data, 0o777 if want.executable else 0o666)
        disk.sync_file(temporary)
        disk.replace(temporary, target, fs.AS_NEW)
        disk.sync_folder(os.path.dirname(target))
    return path


def _put_aside(root: Path, plan: Journal) -> None:
    """Keep a journal that could not be finished, where it does not count as interrupted."""
    disk, place = fs.current(), f"{root}/{journal.SET_ASIDE}{plan.id}"
    with fs.explained("keep the journal as", place):
        journal.make_undo_folder(root)
        disk.replace(f"{root}/{journal.COMMITTED}", place)
        disk.sync_folder(f"{root}/.mx/undo")
        disk.sync_folder(f"{root}/{journal.FOLDER}")
    with contextlib.suppress(OSError):  # it holds something
        disk.rmdir(f"{root}/{journal.FOLDER}")


def _take_up(root: Path, place: Path) -> None:
    """Make a journal that was set aside the pending one again."""
    disk = fs.current()
    with fs.explained("write", f"{root}/{journal.COMMITTED}", after="Nothing else was changed."):
        if not os.path.isdir(f"{root}/{journal.FOLDER}"):
            disk.mkdir(f"{root}/{journal.FOLDER}")
            disk.sync_folder(f"{root}/.mx")
        disk.replace(str(place), f"{root}/{journal.COMMITTED}")
        disk.sync_folder(f"{root}/{journal.FOLDER}")


def _drop(root: Path) -> None:
    disk = fs.current()
    with fs.explained("remove", f"{root}/{journal.COMMITTED}"):
        disk.unlink(f"{root}/{journal.COMMITTED}")
        disk.sync_folder(f"{root}/{journal.FOLDER}")
    for folder in (journal.FOLDER, ".mx/undo", ".mx"):
        with contextlib.suppress(OSError):  # it holds something
            disk.rmdir(f"{root}/{folder}")


def _set_aside(root: Path) -> Path | None:
    """The newest journal that was set aside."""
    found = [*(root / journal.SET_ASIDE).parent.glob(Path(journal.SET_ASIDE).name + "*")]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def _text(error: BaseException) -> str:
    return error.message if isinstance(error, MxError) else f"{error}."


def _hint(error: BaseException) -> str | None:
    return error.hint if isinstance(error, MxError) else None
