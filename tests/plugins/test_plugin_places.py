"""Nothing in a project, or in the current folder, becomes code of mx: where plugins are looked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sites import make_distribution

from mxdev.plugins import index

EVIL = "open({!r}, 'w').write('ran')\nfrom mxdev import hookimpl\n"


@pytest.mark.parametrize("where", ["", "src", "deep/er"])
@pytest.mark.parametrize("path", ["empty", "dot", "absolute", "none"])
def test_no_plugin_is_loaded_from_the_project(
    samples: Path, project: Path, tmp_path: Path, where: str, path: str
) -> None:
    mark, site = tmp_path / "mark", project / where
    make_distribution(site, "evil-one", modules={"evil_one.py": EVIL.format(str(mark))})
    # What mx itself is made of is found by Python, which `python -m` alone lets mx look over.
    own = ("click", "json", "pluggy") if path == "none" else ()
    for module in ("acme_samples", "yaml", "jinja2", *own):
        (project / f"{module}.py").write_text(EVIL.format(str(mark)))
    (site / "acme_samples.py").write_text(EVIL.format(str(mark)))
    value = {"empty": f"{samples}{os.pathsep}", "dot": f".{os.pathsep}{where or '.'}{os.pathsep}{samples}",
             "absolute": f"{site}{os.pathsep}{samples}", "none": str(samples)}[path]  # fmt: skip
    script = (
        "import runpy, sys; sys.argv = ['mx', 'plugins']; "
        # As the script `mx` has it: its own folder first.
        "sys.path[0:1] = ['/']; from mxdev.cli import main; main()"
    )
    starts = [[sys.executable, "-m", "mxdev", "plugins"]] if path == "none" else []
    starts.append([sys.executable, "-c", script])
    for start in starts:
        done = subprocess.run(
            start, cwd=project, env={**os.environ, "PYTHONPATH": value, "MX_CACHE_DIR": str(tmp_path / "cache")}, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert "evil" not in done.stdout + done.stderr
        assert "acme-samples" in done.stdout, done.stderr
        assert not mark.exists()


def test_nor_from_the_current_folder_outside_of_a_project(samples: Path, tmp_path: Path) -> None:
    mark, folder = tmp_path / "mark", tmp_path / "plain"
    folder.mkdir()
    (folder / "acme_samples.py").write_text(EVIL.format(str(mark)))
    script = (
        "import sys; sys.argv = ['mx', 'plugins']; sys.path[0:1] = ['/']; from mxdev.cli import main; main()"
    )
    env = {**os.environ, "PYTHONPATH": f".{os.pathsep}{samples}", "MX_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert "acme-samples 1.2.0\n  generators: SampleBase" in done.stdout
    assert not mark.exists()


def test_an_environment_in_the_project_s_folder_counts(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = project / ".venv/lib/site-packages"
    make_distribution(site, "in-venv", modules={"in_venv.py": "from mxdev import hookimpl\n"})
    monkeypatch.syspath_prepend(site)
    monkeypatch.chdir(project)
    assert str(site) not in index.installed_folders()
    monkeypatch.setattr(sys, "prefix", str(project / ".venv"))
    assert str(site) in index.installed_folders()


def test_the_current_folder_alone_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "below")
    monkeypatch.chdir(tmp_path)
    folders = index.installed_folders()
    assert str(tmp_path) not in folders
    assert str(tmp_path / "below") in folders
