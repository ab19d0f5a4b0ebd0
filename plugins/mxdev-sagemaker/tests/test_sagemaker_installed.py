"""The plugin as mx sees it."""

from __future__ import annotations

from pathlib import Path

from mxdev.testing import mx


def test_mx_knows_the_plugin(tmp_path: Path) -> None:
    done = mx("plugins", "--check", cwd=tmp_path)
    assert done.code == 0, done.stdout + done.stderr
    assert "mxdev-sagemaker 0.1.0" in done.stdout
