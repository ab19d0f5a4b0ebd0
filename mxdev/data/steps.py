"""The steps of `mx data`: a folder of the bucket is what is here, or what is here is a folder of the bucket."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev.data import worker
from mxdev.errors import MxError
from mxdev.steps.model import Say, State, Step


@dataclass(frozen=True, kw_only=True)
class Moved(Step):
    """Files are at both ends.

    Attributes:
        root: the project.
        action: "upload" or "download".
        uri: the bucket.
        folder: which folder of it.
        path: where the files are here.
        replace: files with another content are overwritten.
        python: `--python`.
    """

    root: Path
    action: str
    uri: str
    folder: str
    path: Path
    replace: bool
    python: str | None

    def look(self) -> State:
        """Compare both ends by size and hash."""
        told = self._call(look=True)
        other, new = told["other"], told["new"]
        target = f"{self.uri}/{self.folder}" if self.action == "upload" else str(self.path)
        if other and not self.replace:
            return State.blocked(
                f"{len(other)} files in {target} have another content, the first is {other[0]}",
                "Take another name, because data that was trained on should stay; --replace overwrites them.",
            )
        if told["complete"]:
            return State.done(f"{told['files']} files")
        lost = tuple(f"{target}/{name}" for name in other)
        if lost:
            return State.change(f"{new} new, {len(other)} other of {told['files']} files", destroys=lost)
        return State.create(f"{new} of {told['files']} files")

    def do(self, say: Say) -> None:
        """Bring what is missing."""
        told = self._call(look=False)
        if told["other"] and not self.replace:
            raise MxError(f"{told['other'][0]} changed meanwhile; run the command again.")
        say(f"{told['files']} files")

    def _call(self, *, look: bool) -> dict[str, Any]:
        job = {"action": self.action, "uri": self.uri, "folder": self.folder, "path": str(self.path)}
        return worker.call(self.root, "bucket", {**job, "look": look, "replace": self.replace}, self.python)
