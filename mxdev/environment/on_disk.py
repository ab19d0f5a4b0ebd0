"""What a virtual environment holds, read from its files: nothing in it runs, and nothing of the project's is imported."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mxdev.environment.interpreter import Interpreter, folder_of, venv_python
from mxdev.errors import MxError
from mxdev.system import git
from mxdev.system.files import plain

_HINT = "Remove it and make your own with `mx flow run --setup`, or name one that you trust with --python."
_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(\d+\.\d+(?:\.\d+)?)", re.MULTILINE)

_IN_PATH = re.compile(r"/python(\d+\.\d+)/site-packages$", re.MULTILINE)


def inspect(folder: Path, distribution: str | None) -> Interpreter | None:
    """The environment in `folder` as its files describe it; None when it is none, or has no interpreter."""
    from importlib import metadata

    python = venv_python(folder)
    try:
        settings = plain.read(folder / "pyvenv.cfg").decode("utf-8", "replace")
    except OSError:
        return None
    packages = [str(path) for path in _packages(folder)]
    version = _VERSION.search(settings) or _IN_PATH.search("\n".join(packages))
    if version is None or not os.access(python, os.X_OK):
        return None

    def found(*names: str) -> metadata.Distribution | None:
        for name in names:
            for one in metadata.distributions(name=name, path=packages):
                return one
        return None

    def version_of(*names: str) -> str | None:
        one = found(*names)
        return one.version if one is not None else None

    own = found(distribution) if distribution else None
    return Interpreter(
        python=python,
        version=version[1],
        prefix=folder,
        is_venv=True,
        project=own.version if own is not None else None,
        project_at=folder_of(own.read_text("direct_url.json") if own is not None else None),
        mlflow=version_of("mlflow", "mlflow-skinny"),
        torch=version_of("torch"),
        pip=version_of("pip"),
    )


def has(folder: Path, distribution: str) -> bool:
    """Whether a distribution is installed in the environment in `folder`."""
    from importlib import metadata

    packages = [str(path) for path in _packages(folder)]
    return next(iter(metadata.distributions(name=distribution, path=packages)), None) is not None


def _packages(folder: Path) -> list[Path]:
    """Where its packages lie: its own folder of them, the folders that `.pth` files add, and the system's if it sees them."""
    found = sorted([*folder.glob("lib/python*/site-packages"), folder / "Lib" / "site-packages"])
    found += [place for site in list(found) for place in _added(site)]
    try:
        settings = plain.read(folder / "pyvenv.cfg").decode("utf-8", "replace")
    except OSError:
        return found
    home = re.search(r"^home\s*=\s*(.+?)\s*$", settings, re.MULTILINE)
    if home and re.search(
        r"^include-system-site-packages\s*=\s*true\s*$", settings, re.MULTILINE | re.IGNORECASE
    ):
        base = Path(home[1]).parent
        found += sorted([*base.glob("lib/python3*/site-packages"), *base.glob("lib/python3*/dist-packages")])
    return found


def _added(site: Path) -> list[Path]:
    """The folders that the `.pth` files of `site` add to its path; their lines of code (`import ...`) are not run."""
    found = []
    for file in sorted(site.glob("*.pth")):
        try:
            lines = plain.read(file).decode("utf-8", "replace").splitlines()
        except OSError:
            continue
        words = (line.strip() for line in lines)
        found += [site / word for word in words if word and not word.startswith(("#", "import ", "import\t"))]
    return [place for place in found if "\0" not in str(place) and place.is_dir()]


def environment_of(python: Path, root: Path) -> Path | None:
    """The folder of the environment that `python` belongs to, if it lies in the project at `root`; else None."""
    folder = python.absolute().parent.parent
    inside = folder.is_relative_to(root.absolute()) or folder.resolve().is_relative_to(root.resolve())
    return folder if inside else None


def refuse_foreign(root: Path, folder: Path) -> None:
    """Refuse an environment that came with the project, and that its user did not make.

    Raises:
        MxError: Git has files of it, or its interpreter is a file of the project.
    """
    refuse_tracked(root, folder)
    python = venv_python(folder)
    if os.name != "nt" and python.resolve().is_relative_to(root.resolve()):
        raise MxError(
            f"{python} is a file of the project and no link to an installed Python, so mx does not run it.",
            hint=_HINT,
        )


def refuse_tracked(root: Path, folder: Path) -> None:
    """Refuse an environment that is part of the repository, or a link to one.

    Raises:
        MxError: Git has files of it.
    """
    if git.tracks(root, folder):
        raise MxError(f"{folder} is part of the repository, so mx runs nothing in it.", hint=_HINT)
