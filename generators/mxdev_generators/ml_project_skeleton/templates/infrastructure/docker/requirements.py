"""Writes what the images require.

Without an argument: `project.txt`, what pyproject.toml asks for; `run.txt`, the lock file, or without one the same; `dev.txt`,
the development tools.
With a file of versions: the same in two parts, for two layers: `torch.txt`, PyTorch and the CUDA libraries; `rest.txt`.
"""

import re
import shutil
import sys
import tomllib
from pathlib import Path

# PyTorch itself, and what only PyTorch brings along.
HEAVY = re.compile(r"(?:torch|triton|nvidia|cuda)(?![a-z0-9])", re.IGNORECASE)


def main(arguments: list[str]) -> None:
    if arguments:
        divide(Path(arguments[0]).read_text(encoding="utf-8"))
        return
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    Path("project.txt").write_text("\n".join(project["dependencies"]) + "\n", encoding="utf-8")
    lock = Path("requirements.lock")
    shutil.copyfile(lock if lock.exists() else "project.txt", "run.txt")
    extra = project["optional-dependencies"]["dev"]
    Path("dev.txt").write_text("\n".join(extra) + "\n", encoding="utf-8")


def divide(versions: str) -> None:
    """Write `torch.txt` and `rest.txt`. A requirement may go on in lines that are indented: hashes, and where it came from."""
    parts: dict[str, list[str]] = {"torch.txt": [], "rest.txt": []}
    for requirement in re.findall(r"^\S.*\n?(?:^[ \t].*\n?)*", versions, re.MULTILINE):
        # Options such as an index's address hold for both.
        option = requirement.startswith("-")
        for name, lines in parts.items():
            if option or (name == "torch.txt") == bool(HEAVY.match(requirement)):
                lines.append(requirement)
    for name, lines in parts.items():
        Path(name).write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
