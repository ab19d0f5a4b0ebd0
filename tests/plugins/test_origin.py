"""Where mx was installed from is what pipelines, README and hooks of a project install (PEP 610)."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from conftest import Mx
from sites import make_distribution

from mxdev.plugins import origin
from mxdev.testing import render_all
from mxdev.version import __version__

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = {"url": "https://git.example.com/tools/mx.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}


@pytest.mark.parametrize(
    ("direct", "source"),
    [
        (None, "index"),
        (json.dumps(GIT), f"git+https://git.example.com/tools/mx.git@{COMMIT}"),
        (json.dumps({"url": "file:///home/ada/mx", "dir_info": {"editable": True}}), None),
        (json.dumps({"url": "file:///home/ada/mx.whl", "archive_info": {}}), None),
        (json.dumps({**GIT, "url": "file:///home/ada/mx"}), None),
        ("{", None),
        ("[]", None),
    ],
)
def test_what_the_metadata_says(
    direct: str | None, source: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = make_distribution(tmp_path, "mx-devtool", entry_points="")
    if direct is not None:
        (info / "direct_url.json").write_text(direct)
    monkeypatch.syspath_prepend(tmp_path)
    distribution = metadata.distribution("mx-devtool")
    assert (distribution.version, distribution.read_text("direct_url.json")) == ("1.0", direct)
    assert origin.of_mx() == source


def test_from_git_everything_names_that_commit(
    mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MX_OPT_MX_SOURCE")
    monkeypatch.setattr(origin, "of_mx", lambda: f"git+https://git.example.com/tools/mx.git@{COMMIT}")
    assert mx("generate", "MLProjectSkeleton", "churn", "--no-input", "--skip-git").code == 0
    root = tmp_path / "churn"
    assert mx("generate", "GitLabCI", "--no-input", cwd=root).code == 0
    wanted = f"mx-devtool[lint] @ git+https://git.example.com/tools/mx.git@{COMMIT}"
    for path in (
        "README.md",
        ".pre-commit-config.yaml",
        ".devcontainer/devcontainer.json",
        ".gitlab/mx.gitlab-ci.yml",
    ):
        assert wanted in (root / path).read_text(), path


def test_a_colleague_reads_in_the_list_of_plugins_how_to_get_the_same(
    mx: Mx, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"git+https://git.example.com/tools/mx.git@{COMMIT}"
    monkeypatch.setattr(origin, "of_mx", lambda: source)
    lines = mx("plugins").out.splitlines()
    assert lines[lines.index(f"mx-devtool {__version__}") + 1].endswith(f"`uv tool install {source}`")
    for nowhere in (None, "index"):
        monkeypatch.setattr(origin, "of_mx", lambda source=nowhere: source)
        assert "installed from" not in mx("plugins").out


def test_from_a_folder_a_pipeline_has_to_be_told(
    mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MX_OPT_MX_SOURCE")
    monkeypatch.setattr(origin, "of_mx", lambda: None)
    assert mx("generate", "MLProjectSkeleton", "churn", "--no-input", "--skip-git").code == 0
    root = tmp_path / "churn"
    assert "mx-devtool" not in (root / "README.md").read_text()
    assert "language: system" in (root / ".pre-commit-config.yaml").read_text()
    for generator in ("GitLabCI", "GitHubActions", "CloudBuildDefaultConfig"):
        done = mx("generate", generator, "--no-input", cwd=root)
        assert done.code == 2
        assert "--mx-source is missing" in done.err
    assert not (root / ".gitlab").exists()
    assert mx("generate", "GitLabCI", "--mx-source", "index", "--no-input", cwd=root).code == 0
    assert "uv tool install 'mx-devtool[lint]==" in (root / "README.md").read_text()


@pytest.mark.parametrize(
    "source", ["https://pypi.example.com/simple/", "index", "git+https://git.example.com/mx.git"]
)
def test_a_hook_of_pre_commit_has_mx_in_its_own_environment(source: str) -> None:
    import yaml

    result: Any = render_all("MLProjectSkeleton", name="churn", mx_source=source)
    text = result.renderings[-1].tree.files[".pre-commit-config.yaml"].data.decode()
    hook = yaml.safe_load(text)["repos"][0]["hooks"][0]
    assert hook["language"] == "python"
    assert hook["additional_dependencies"][-1].startswith("mx-devtool[lint]")
    assert (hook["additional_dependencies"][0] == f"--index-url={source}") == source.startswith("https://")


def older(root: Path, **sources: str) -> None:
    """Make the project one of the version in which every pipeline had a source of its own."""
    known = root / "mx.yaml"
    lines = [line for line in known.read_text().splitlines(keepends=True) if "mx-source" not in line]
    known.write_text("".join(lines))
    for instance, source in sources.items():
        record = root / ".mx" / "generators" / f"{instance}.yaml"
        text = record.read_text()
        assert "\noptions:" in text
        head, _, rest = text.partition("\noptions:")
        rest = rest.removeprefix(" {}")
        record.write_text(f"{head}\noptions:\n  mx-source: {source}{rest}")


@pytest.mark.parametrize(
    ("github", "told"), [("index", ""), ("https://pypi.example.com/simple/", "GitHubActions had")]
)
def test_a_source_of_each_pipeline_becomes_the_project_s(
    github: str, told: str, mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MX_OPT_MX_SOURCE")
    monkeypatch.setattr(origin, "of_mx", lambda: None)
    assert mx("generate", "MLProjectSkeleton", "churn", "--no-input", "--skip-git").code == 0
    root = tmp_path / "churn"
    for generator in ("GitLabCI", "GitHubActions"):
        assert mx("generate", generator, "--mx-source", "index", "--no-input", cwd=root).code == 0
    older(root, GitLabCI="index", GitHubActions=github)
    first = "index" if github == "index" else github
    done = mx("update", cwd=root)
    assert done.code == 0, done.err
    assert f"mx-source: {first}" in (root / "mx.yaml").read_text()
    assert "mx-source is an option of the whole project now" in done.out + done.err
    assert ("GitLabCI had index" in done.out + done.err) == bool(told)
    assert "mx-source" not in (root / ".mx/generators/GitLabCI.yaml").read_text()
    assert mx("update", "--dry-run", cwd=root).code == 0


def test_a_pipeline_of_the_time_before_sources_can_be_told(
    mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MX_OPT_MX_SOURCE")
    monkeypatch.setattr(origin, "of_mx", lambda: None)
    assert mx("generate", "MLProjectSkeleton", "churn", "--no-input", "--skip-git").code == 0
    root = tmp_path / "churn"
    assert mx("generate", "GitLabCI", "--mx-source", "index", "--no-input", cwd=root).code == 0
    older(root)
    done = mx("update", cwd=root)
    assert done.code == 2
    assert "`mx set mx-source=SOURCE`" in done.err
    assert mx("set", "mx-source=index", cwd=root).code == 0
