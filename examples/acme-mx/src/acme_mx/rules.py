"""Rules for `mx lint`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mxdev.lint.rule import Context, Finding, Rule


class NoPublicBucket(Rule):
    """Finds rights that Terraform gives to everybody."""

    name = "acme-no-public-bucket"
    summary = "No bucket is open to everybody."

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """Terraform's files."""
        return [file for file in files if file.suffix == ".tf"]

    def check(self, context: Context) -> Iterator[Finding]:
        """A finding for each line that names everybody."""
        for file in context.files:
            for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
                if "allUsers" in line and not line.lstrip().startswith(("#", "//")):
                    column = line.index("allUsers") + 1
                    yield Finding(file, number, column, self.name, "error", "Name who may read it.")
