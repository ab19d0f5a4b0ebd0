"""Addresses of repositories come from shipyard.yaml, which may be a stranger's."""

from __future__ import annotations

from pathlib import Path

import pytest
from mxdev.errors import MxError

from mxdev_shipyard.onboarding import git


def test_an_address_is_no_option_of_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "refs").mkdir()
    git.run("init", "-q", "refs/heads", cwd=tmp_path)
    address = "--upload-pack=touch owned; git-upload-pack"
    with pytest.raises(MxError, match="ls-remote"):
        git.has_main(address)
    with pytest.raises(MxError, match="clone"):
        git.clone(address, str(tmp_path / "folder"))
    assert not list(tmp_path.rglob("owned"))
