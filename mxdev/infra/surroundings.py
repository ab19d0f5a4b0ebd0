"""What a shell tells Terraform by the environment or by a selection, and what would make it answer for another state than the project's."""

from __future__ import annotations

import functools
import os
import re
import shlex
from collections.abc import Mapping

from mxdev.errors import MxError, Refused
from mxdev.infra.place import FOLDER, Place
from mxdev.system import console, git

# Arguments for one command of Terraform; those for all of them are taken away from every run.
_ARGUMENTS = re.compile(r"TF_CLI_ARGS_\w+")
# Where the workspace is the platform's to choose, it is the project's own.
_PLATFORM = re.compile(r"""^\s*(?:cloud\s*\{|backend\s+"remote")""", re.MULTILINE)


def refuse_brought(place: Place) -> None:
    """Stop where the folder that `terraform init` makes, or one of providers, came with the repository.

    Raises:
        MxError: one of them did.
    """
    # The folder above an environment's may be a link. Terraform installs providers from `terraform.d`, too, untold.
    above = (place.data.parent.parent,) if place.environment else ()
    for folder in (*above, place.data, place.folder / "terraform.d"):
        if git.tracks(place.folder, folder):
            raise MxError(
                f"{folder} is part of the repository: Terraform would run the providers in it as programs of yours.",
                hint=place.commands(
                    "Remove it from Git and from the disk, and make your own with `mx infra init`."
                ),
            )


def refuse_another_workspace(place: Place) -> None:
    """Stop where a workspace other than `default` is selected: its state is another one, and mostly an empty one.

    A plan would make all of it a second time, and taking everything down would find nothing to take down.

    Raises:
        Refused: another one is selected.
    """
    named = os.environ.get("TF_WORKSPACE", "")
    selected = named or _selected(place)
    if selected in ("", "default") or _PLATFORM.search("\n".join(place.code())):
        return
    if named:
        by, way = "TF_WORKSPACE says so", "`unset TF_WORKSPACE`, then again."
    else:
        data = f"TF_DATA_DIR={shlex.quote(str(place.data))} " if place.environment else ""
        by = "`terraform workspace select` chose it"
        way = f"In {FOLDER}: `{data}terraform workspace select default`, then again."
    raise Refused(
        f"Terraform's workspace is {selected} ({by}), which has a state of its own: what the project has made is not in it.",
        hint=f"{way}\nAnother place for the whole project is an environment: `mx generate Environment NAME` makes one.",
    )


def _selected(place: Place) -> str:
    try:
        return (place.data / "environment").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def without_arguments() -> Mapping[str, None]:
    """The variables with arguments that somebody exported for a shell's own Terraform, to be taken away; that is said."""
    found = tuple(sorted(name for name in os.environ if _ARGUMENTS.fullmatch(name)))
    if found:
        _tell(found)
    return dict.fromkeys(found)


@functools.cache
def _tell(names: tuple[str, ...]) -> None:
    """Once, however often Terraform runs."""
    verb = "is" if len(names) == 1 else "are"
    console.warn(
        f"{', '.join(names)} in the environment {verb} not heeded. Variables belong into a .tfvars file, "
        "settings of the backend into backend.tf; other arguments cannot be given."
    )
