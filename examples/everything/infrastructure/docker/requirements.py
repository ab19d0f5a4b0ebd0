"""Writes what the images require: `run.txt` is the lock file, or without one what pyproject.toml asks for; `dev.txt` the rest."""

import shutil
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
lock = Path("requirements.lock")
if lock.exists():
    shutil.copyfile(lock, "run.txt")
else:
    Path("run.txt").write_text("\n".join(project["dependencies"]) + "\n", encoding="utf-8")
extra = project["optional-dependencies"]["dev"]
Path("dev.txt").write_text("\n".join(extra) + "\n", encoding="utf-8")
