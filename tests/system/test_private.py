"""Caches are this user's alone: what another could have written is not read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from mxdev.generator.jinja import FileCache, Renderer
from mxdev.plugins import index
from mxdev.system.files import private
from mxdev.testing import mx

ROOT = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root plays two users")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_and_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert private.write(tmp_path / "a/b/c", b"x")
    finally:
        os.umask(before)
    assert [mode(tmp_path / path) for path in ("a", "a/b", "a/b/c")] == [0o700, 0o700, 0o600]
    assert private.read(tmp_path / "a/b/c") == b"x"


def test_a_folder_that_an_earlier_mx_left_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o777)
    private.make_folder(tmp_path / "a")
    assert mode(tmp_path / "a") == 0o755


@pytest.mark.parametrize("bits", [0o602, 0o620, 0o666])
def test_a_file_that_others_may_write_is_not_read(tmp_path: Path, bits: int) -> None:
    private.write(tmp_path / "a", b"x")
    (tmp_path / "a").chmod(bits)
    assert private.read(tmp_path / "a") is None


def test_no_link_and_no_pipe_is_read(tmp_path: Path) -> None:
    private.write(tmp_path / "a", b"x")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    assert private.read(tmp_path / "link") is None
    assert private.read(tmp_path / "pipe") is None
    assert private.read(tmp_path) is None


@ROOT
def test_a_file_of_another_user_is_not_read_and_their_folder_not_written_to(tmp_path: Path) -> None:
    private.write(tmp_path / "folder/a", b"x")
    os.chown(tmp_path / "folder/a", 65534, 65534)
    assert private.read(tmp_path / "folder/a") is None
    os.chown(tmp_path / "folder", 65534, 65534)
    assert not private.write(tmp_path / "folder/b", b"x")


def test_a_link_in_place_of_a_folder_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("other")
    assert not private.write(tmp_path / "link/a", b"x")
    assert list((tmp_path / "other").iterdir()) == []


def test_a_compiled_template_that_others_may_write_is_compiled_anew(tmp_path: Path) -> None:
    cache = FileCache(tmp_path / "templates")
    assert Renderer({}, cache=cache).render("{{ 1 + 1 }}", "t") == "2"
    (kept,) = (tmp_path / "templates").iterdir()
    other = FileCache(tmp_path / "evil")
    Renderer({}, cache=other).render("{{ 1 + 1 }}", "t")
    kept.write_bytes(kept.read_bytes().replace(b"jinja2", b"jinjaX"))
    kept.chmod(0o666)
    assert Renderer({}, cache=cache).render("{{ 1 + 1 }}", "t") == "2"
    assert b"jinjaX" not in kept.read_bytes()
    assert mode(kept) == 0o600


def test_an_index_that_others_may_write_is_made_anew(tmp_path: Path) -> None:
    env = {"MX_CACHE_DIR": str(tmp_path / "cache")}
    assert mx("plugins", cwd=tmp_path, env=env).code == 0
    (kept,) = (tmp_path / "cache").glob("plugins-*.json")
    kept.write_text(kept.read_text().replace("MLProjectSkeleton", "Changed"))
    assert "Changed" in mx("generate", cwd=tmp_path, env=env).stdout, (
        "an index of this user's own is believed"
    )
    kept.chmod(0o666)
    assert "Changed" not in mx("generate", cwd=tmp_path, env=env).stdout
    assert index.FORMAT
