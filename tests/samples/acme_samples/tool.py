"""A generator that works anywhere."""

from __future__ import annotations

from mxdev import Generator, Tree


class SampleTool(Generator):
    """One file, anywhere."""

    scope = "anywhere"

    def generate(self, tree: Tree) -> None:
        tree.file("tool.sh", "#!/bin/sh\necho tool\n", executable=True)
