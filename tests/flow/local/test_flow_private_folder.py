"""The folder of the store is the project's own: nothing is written through a link that came with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdev.environment.local_folder import FOLDER, private_folder
from mxdev.errors import MxError
from mxdev.flow import connection


def test_it_is_made_and_ignored(tmp_path: Path) -> None:
    assert (private_folder(tmp_path) / ".gitignore").read_text() == "*\n"
    (tmp_path / FOLDER / ".gitignore").write_text("mine\n")
    assert (private_folder(tmp_path) / ".gitignore").read_text() == "mine\n"


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "p" / FOLDER).symlink_to("../other")
    with pytest.raises(MxError, match=r"is a symbolic link to \.\./other"):
        private_folder(tmp_path / "p")
    assert list((tmp_path / "other").iterdir()) == []


@pytest.mark.parametrize(
    "name",
    [".gitignore", "artifacts", "mlflow.db", "mlflow.db-wal", "store.lock", Path(connection.FILE).name],
)
def test_a_link_in_it_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "p" / FOLDER).mkdir(parents=True)
    (tmp_path / "p" / FOLDER / name).symlink_to("../../elsewhere")
    with pytest.raises(MxError, match=r"is a symbolic link to \.\./\.\./elsewhere"):
        private_folder(tmp_path / "p")
    assert not (tmp_path / "elsewhere").exists()
