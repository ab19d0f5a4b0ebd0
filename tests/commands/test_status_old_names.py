"""`mx status` tells of a name that was accepted once and that a rule of today refuses, with its memory and without."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_status import RENDERED, make

pytestmark = pytest.mark.noted()


def test_a_name_that_a_newer_rule_refuses_is_told_and_stays(tmp_path: Path) -> None:
    """Also by what is remembered, and when a person edited a file meanwhile."""
    world = make(tmp_path)
    module = world.site / "acme_rows/generators.py"
    rule = 'WORDS = Pattern("[a-z]+", "letters", check=lambda text: f"{text} is taken" if text == "demo" else None)'
    module.write_text(module.read_text().replace('WORDS = Pattern("[a-z]+", "letters")', rule))
    world.settle()
    told = "    old name  NAME: demo is taken. It was accepted once and stays; a new project under another name is free of it.\n"
    for _ in range(5):  # until it is remembered; see above
        code, out, _, modules = world.mx("status")
        assert (code, out) == (
            0,
            f"App (acme-rows 1.0)\n  up to date\nBase (acme-rows 1.0)\n{told}  up to date\n",
        )
        if RENDERED not in modules:
            break
        world.settle()
    (world.root / "base.txt").write_text("mine\n")
    code, out, _, modules = world.mx("status", "--exit-code")
    assert (code, told in out, RENDERED in modules) == (0, True, False), out
    assert "demo is taken" in world.answer()[1]
