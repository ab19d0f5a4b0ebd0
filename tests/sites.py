"""Installed distributions made by hand: a folder for `sys.path` with modules and their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"


def make_distribution(
    site: Path,
    name: str,
    *,
    modules: Mapping[str, str] | None = None,
    module: str | None = None,
    group: str = "mxdev.v1",
    version: str = "1.0",
    entry_points: str | None = None,
) -> Path:
    """Install a distribution into `site`, as pip would; gives its metadata's folder.

    Args:
        site: a folder that stands on `sys.path`.
        name: the distribution's.
        modules: file name and source of its modules.
        module: the value of its entry point; by default the first module's name.
        group: the entry point's group.
        version: the distribution's.
        entry_points: the whole `entry_points.txt`, instead of one made from `group` and `module`.
    """
    for file, source in (modules or {}).items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(source, encoding="utf-8")
    value = module or next(iter(modules or {"missing.py": ""})).removesuffix(".py").removesuffix("/__init__")
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8"
    )
    text = f"[{group}]\n{name} = {value}\n" if entry_points is None else entry_points
    (info / "entry_points.txt").write_text(text, encoding="utf-8")
    return info
