"""What a plugin announces: by several modules, of another version of the interface, broken, or slow to import."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import Mx, installed
from sites import make_distribution
from test_hooks import Install, install

from mxdev.plugins import hookspecs, index, model, registry
from mxdev.plugins.hookspecs import hookspec

__all__ = ["install"]


def test_an_old_plugin_works_when_a_hook_has_grown(
    mx: Mx, install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("""
@hookimpl
def mx_check_plan():
    return "the old one, of a time without arguments"
""", "old-one")  # fmt: skip

    @hookspec
    def mx_check_plan(plan: object, more: object) -> None:
        """As in some later version."""

    monkeypatch.setattr(hookspecs, "mx_check_plan", mx_check_plan)
    install("""
@hookimpl
def mx_check_plan(more):
    return f"the new one got {more}"
""", "new-one")  # fmt: skip
    assert {
        plugin.dist: results for plugin, results, _ in registry.call("mx_check_plan", plan=1, more=2)
    } == {
        "old-one": ["the old one, of a time without arguments"],
        "new-one": ["the new one got 2"],
    }


def test_a_plugin_may_have_several_modules(
    mx: Mx, tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    check = "from mxdev import hookimpl\n@hookimpl\ndef mx_check_plan(plan):\n    return 'no, says {}'\n"
    make_distribution(
        site, "two-modules", modules={"two_a.py": check.format("a"), "two_b.py": check.format("b")},
        entry_points="[mxdev.v1]\na = two_a\nb = two_b\n",
    )  # fmt: skip
    next(installed(site, monkeypatch))
    said = mx("generate", "SampleTool").err
    assert "two-modules 1.0 refuses this plan: no, says a" in said
    assert "two-modules 1.0 refuses this plan: no, says b" in said


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def mx_defaults():\n    return ['region']", "mx_defaults gives list"),
        ("def mx_defaults():\n    return {1: 2}", "mx_defaults gives dict"),
        ("def mx_defaults():\n    return {'a': object()}", "not text, number, flag"),
        ("def mx_defaults():\n    return {'a': float('nan')}", "not text, number, flag"),
        ("def mx_template_overrides():\n    return {'A': 3}", "TypeError"),
        ("def mx_template_filters():\n    return [3]", "there is 3 in its list, which has no name"),
        ("def mx_template_filters():\n    1 / 0", "ZeroDivisionError"),
        ("def mx_check_plan(plan, other):\n    pass", "can not be found in the hookspec"),
    ],
)
def test_a_broken_announcement_is_one_warning(install: Install, mx: Mx, source: str, says: str) -> None:
    install(f"@hookimpl\n{source}\n")
    result = mx("generate")
    assert result.code == 0
    assert "SampleBase" in result.out
    lines = result.err.splitlines()
    assert len(lines) == 1
    assert "acme-hooks 1.0 is left out" in lines[0]
    assert says in lines[0]


def test_a_slow_import_is_told_once(install: Install, mx: Mx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mxdev.plugins.scan.SLOW", 0.2)
    install("import time\ntime.sleep(0.3)\n")
    told = mx("generate").err.splitlines()
    assert len(told) == 1
    assert re.search(r"the plugin acme-hooks 1\.0 takes 0\.\d s to import", told[0])
    model._warned.clear()
    index.forget()
    assert mx("generate").err == ""  # the index is cached: nothing was imported
    assert (
        next(p for p in json.loads(mx("plugins", "--json").out) if p["name"] == "acme-hooks")["seconds"]
        >= 0.3
    )


def test_a_hook_that_this_mx_does_not_have_is_shown_and_no_harm(install: Install, mx: Mx) -> None:
    install("@hookimpl\ndef mx_genertors():\n    return [1]\n")
    result = mx("plugins")
    assert result.err == ""
    assert "mx has no hook mx_genertors" in result.out


def test_a_plugin_for_a_newer_interface_is_told_and_not_loaded(install: Install, mx: Mx) -> None:
    install("raise RuntimeError('loaded')", group="mxdev.v2")
    result = mx("generate")
    assert result.code == 0
    assert "acme-hooks 1.0 is left out: it is written for version 2 of mx's plugin interface" in result.err
    assert "loaded" not in result.err
