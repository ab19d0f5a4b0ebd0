#!/usr/bin/env python3
"""The tag of the kernel's image: a hash of what it is built of, and of nothing else.

`key.py` prints the tag; `key.py requirements` writes kernel/requirements.txt, the dependencies of pyproject.toml.
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ("Dockerfile", "jupyter_server_config.py", "variables.env")


def requirements(root: Path = ROOT) -> str:
    """The dependencies of pyproject.toml, a line each. KeyError if it has none."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return "".join(f"{line}\n" for line in sorted(project["dependencies"]))


def key(root: Path = ROOT) -> str:
    """The tag: the same dependencies and variables give the same one."""
    digest = hashlib.sha256(requirements(root).encode())
    for name in FILES:
        digest.update(name.encode() + b"\0" + (root / "kernel" / name).read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["requirements"]:
        (ROOT / "kernel/requirements.txt").write_text(requirements(), encoding="utf-8")
    elif given:
        print(__doc__, file=sys.stderr)
        return 2
    else:
        print(key())
    return 0


if __name__ == "__main__":
    sys.exit(main())
