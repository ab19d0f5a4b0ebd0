"""Tests of the plugins in this folder, run from the root: each sees its own plugin as installed, and no other test sees it."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Templates may have tests of their own, which run in what is rendered.
collect_ignore_glob = ["*/src/*"]


@pytest.fixture(autouse=True, scope="module")
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin whose tests these are, in a folder on the path of this process and of those it starts; an isolated cache."""
    from mxdev.plugins import index

    home = HERE / request.path.relative_to(HERE).parts[0]
    site = tmp_path_factory.mktemp("site")
    distribution(home, site)
    changed = {
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(site), str(home / "src"), os.environ.get("PYTHONPATH")])
        ),
        "MX_CACHE_DIR": str(tmp_path_factory.mktemp("mx-cache")),
        "MX_CONFIG_DIR": str(site / "no-settings"),
        "MX_STATE_DIR": str(tmp_path_factory.mktemp("mx-state")),
        "MX_OPT_MX_SOURCE": "index",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changed.items():
            patch.setenv(name, value)
        patch.setattr(sys, "path", [str(site), str(home / "src"), *sys.path])
        index.forget()
        yield site
    index.forget()


def distribution(home: Path, site: Path) -> None:
    """Write into `site` what an installer would write of the plugin in `home`."""
    project = tomllib.loads((home / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head, encoding="utf-8")
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in project["entry-points"].items()
    )
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
