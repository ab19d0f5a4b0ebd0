"""The plan that `mx infra plan` saved, and whether it still fits the files it was made from."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from mxdev.disk.locks.lock import hold
from mxdev.errors import MxError
from mxdev.infra import surroundings
from mxdev.infra.place import Place
from mxdev.system.files import plain, private

# Of no consequence for what Terraform does.
_ASIDE = (".md", ".sh", ".tfplan", ".log", ".backup", ".tftest.hcl", ".tfmock.hcl")


@dataclass(frozen=True)
class Saved:
    """A saved plan.

    Attributes:
        digest: of the files it was made from.
        made: when, as an ISO time in UTC.
        destroys_all: it takes everything down.
        applied: when it was applied; None: not yet.
    """

    digest: str
    made: str
    destroys_all: bool = False
    applied: str | None = None


def plan_file(place: Place) -> Path:
    """Where the plan lies: it may hold secrets, so it is beside Terraform's own data, which Git ignores."""
    return place.data / "mx" / "plan.tfplan"


@contextlib.contextmanager
def alone(place: Place, *, dry_run: bool = False) -> Iterator[None]:
    """Inside the `with` block no other mx plans or applies in this place, so that what was shown is what is applied.

    Args:
        place: whose Terraform.
        dry_run: nothing may be written: without a lock where there is nothing yet that two could be at.

    Raises:
        Refused: another one is at it; the message says which, since when, and what it runs.
        MxError: the lock cannot be taken, or its folder came with the repository.
    """
    surroundings.refuse_brought(place)
    if dry_run and not plan_file(place).parent.is_dir():
        yield
        return
    with hold(_folder(place)):
        yield


def prepare(place: Place) -> Path:
    """The plan's path, with a folder that only this user can look into, and nothing of an older plan."""
    _folder(place)
    path = plan_file(place)
    path.unlink(missing_ok=True)
    _about(place).unlink(missing_ok=True)
    return path


def remember(place: Place, files: str, *, destroys_all: bool = False) -> Saved:
    """Note what the plan that now lies there was made from: `files` is the digest from before it was made."""
    saved = Saved(files, _now(), destroys_all)
    _write(place, saved)
    return saved


def find(place: Place) -> Saved | None:
    """The saved plan; None if there is none, or what lies there is broken."""
    try:
        saved = Saved(**json.loads(plain.text(_about(place))))
    except (OSError, ValueError, TypeError):
        return None
    return saved if saved.applied or plan_file(place).is_file() else None


def mark_applied(place: Place, saved: Saved) -> None:
    """Note that it was applied, and remove it: it cannot be applied twice."""
    _write(place, Saved(saved.digest, saved.made, saved.destroys_all, _now()))
    plan_file(place).unlink(missing_ok=True)


def digest(place: Place) -> str:
    """A digest of every file that Terraform may read: those of the folder, and of local modules outside of it."""
    total = hashlib.sha256()
    for folder in (place.folder, *_modules(place)):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if _aside(inside) or not path.is_file():
                continue
            total.update(f"\0{inside.as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _aside(path: Path) -> bool:
    folders = path.parts[:-1]
    return (
        path.name.endswith(_ASIDE)
        or ".tfstate" in path.name
        or any(folder == ".terraform" or folder.startswith(".terraform-") for folder in folders)
    )


def _modules(place: Place) -> list[Path]:
    try:
        listed = json.loads(plain.text(place.data / "modules" / "modules.json"))
        folders = [(place.folder / one["Dir"]).resolve() for one in listed["Modules"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    here = place.folder.resolve()
    return sorted({one for one in folders if not one.is_relative_to(here) and one.is_dir()})


def _folder(place: Place) -> Path:
    folder = plan_file(place).parent
    # Where Terraform's data lie is the person's to choose, by a link, too; below it is nothing that somebody links.
    below = (place.data.parent, place.data, folder) if place.environment else (folder,)
    if link := next((one for one in below if one.is_symlink()), None):
        raise MxError(
            f"{link} is a link: what saved plans hold would lie in a folder that is somebody else's.",
            hint="Remove the link; mx makes a folder in its place.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise MxError(
            f"{folder}, where the plan is saved, cannot be made: {error.strerror or error}.",
            hint="Look at its owner and at the room on its disk; TF_DATA_DIR puts it elsewhere.",
        ) from error
    return folder


def _about(place: Place) -> Path:
    return plan_file(place).with_name("about.json")


def _write(place: Place, saved: Saved) -> None:
    if not private.write(_about(place), json.dumps(asdict(saved)).encode()):
        raise MxError(f"{_about(place)} cannot be written, so the plan could not be told from an older one.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
