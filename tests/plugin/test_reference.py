"""The reference lists every name that authors of plugins import, at the address where it stays."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ADDRESSES = (
    "mxdev.generator", "mxdev.tree", "mxdev.freetext", "mxdev.languages", "mxdev.plugins", "mxdev.hookspecs", "mxdev.plan_checks",
    "mxdev.project", "mxdev.errors", "mxdev.lint.rule", "mxdev.tools", "mxdev.template", "mxdev.testing",
)  # fmt: skip
LISTED = dict(
    re.findall(
        r"automodule:: ([\w.]+)\n   :members:(.*)", (DOCS / "reference.md").read_text(encoding="utf-8")
    )
)
# Listed with what they mean, not one by one.
ELSEWHERE = {
    "mxdev.plugins": {"CheckedChange", "CheckedPlan"},
    "mxdev.generator": set(),
    "mxdev.languages": {"FILTERS"},
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_public_name_can_be_imported_and_is_listed(address: str) -> None:
    module = importlib.import_module(address)
    assert address in LISTED
    names = {name.strip() for name in LISTED[address].split(",") if name.strip()}
    for name in {*names, *getattr(module, "__all__", ())}:
        assert getattr(module, name) is not None or name == "None"
    hooks = {
        name for name in getattr(module, "__all__", ()) if name.startswith("mx_")
    }  # on the page about plugins
    if names:
        assert set(getattr(module, "__all__", names)) - hooks - ELSEWHERE.get(address, set()) <= names
    page = (DOCS / "plugins.md").read_text(encoding="utf-8")
    assert all(hook in page for hook in hooks)


def test_what_is_short_in_mxdev_itself_is_listed() -> None:
    import mxdev

    page = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert [name for name in mxdev.__all__ if name != "__version__" and f"`{name}`" not in page] == []
