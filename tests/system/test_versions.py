"""Versions are compared as the packaging standard orders them, with and without its library."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mxdev.errors import MxError
from mxdev.project.project import Project
from mxdev.system.versions import older, satisfies
from mxdev.version import __version__, compatible

RELEASE = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(
    lambda numbers: ".".join(map(str, numbers))
)
VERSION = st.tuples(RELEASE, st.sampled_from(["", "a1", "b2", "rc1", ".post1", ".dev3"])).map("".join)


@given(VERSION, VERSION)
def test_older_is_as_the_standard_orders(one: str, other: str) -> None:
    assert older(one, other) == (Version(one) < Version(other))


@given(VERSION, RELEASE, RELEASE)
def test_a_range_of_two_bounds_is_as_the_standard_says(version: str, low: str, high: str) -> None:
    specifier = f">={low},<{high}"
    assert satisfies(version, specifier) == SpecifierSet(specifier).contains(version, prereleases=True)


def test_a_new_project_takes_what_does_not_break_it() -> None:
    assert satisfies(__version__, compatible())
    assert not satisfies("0.2.0", compatible().replace(__version__, "0.1.0"))
    assert not satisfies("0.2.0rc1", compatible().replace(__version__, "0.1.0"))


@given(VERSION, st.sampled_from([">=", "==", "~=", "<", ">", "!="]), VERSION)
def test_a_range_is_as_the_standard_says(version: str, operator: str, bound: str) -> None:
    if operator == "~=" and "." not in Version(bound).base_version:
        return
    specifier = f"{operator}{bound}"
    assert satisfies(version, specifier) == SpecifierSet(specifier).contains(version, prereleases=True)


def test_what_is_no_version_is_never_older() -> None:
    assert not older("?", "1.0")
    assert not older("1.0", "?")


@pytest.mark.parametrize("wanted", ["~=0.1", "==0.1.0", ">0.0.9", ">=0.1", ">=0.0.1", "", "<1", ">= 0.1.0"])
def test_a_project_takes_a_range_that_this_mx_is_in(
    tmp_path: Path, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mxdev.project.project.__version__", "0.1.0")
    (tmp_path / "mx.yaml").write_text(f"version: 1\nrequires-mx: {wanted!r}\noptions: {{}}\n")
    assert Project.load(tmp_path).requires_mx == wanted


@pytest.mark.parametrize("wanted", [">=0.0.1,<0.1", ">0.1.0", "!=0.1.0", "~=0.2", ">=0.2", "<0.1.0"])
def test_a_project_refuses_an_mx_outside_its_range(
    tmp_path: Path, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mxdev.project.project.__version__", "0.1.0")
    (tmp_path / "mx.yaml").write_text(f"version: 1\nrequires-mx: {wanted!r}\noptions: {{}}\n")
    with pytest.raises(MxError, match="this project needs mx"):
        Project.load(tmp_path)


def test_what_is_no_range_is_told(tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").write_text("version: 1\nrequires-mx: newest\noptions: {}\n")
    with pytest.raises(MxError, match=r"mx.yaml: requires-mx: 'newest' is not a range of versions"):
        Project.load(tmp_path)


@pytest.mark.parametrize(
    ("rendered", "installed", "refused"),
    [
        ("1.2.3rc1", "1.2.2", True),
        ("1.0", "1.0.0", False),
        ("1.0.0", "1.0", False),
        ("1.2.3", "1.2.3rc1", True),
    ],
)
def test_an_older_plugin_does_not_render(
    rendered: str, installed: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev.generator.generator import Generator
    from mxdev.workflow import render

    monkeypatch.setattr(Generator, "plugin_version", installed)
    if refused:
        with pytest.raises(MxError, match="--allow-downgrade"):
            render._refuse_older(Generator, "Sample", rendered)
    else:
        render._refuse_older(Generator, "Sample", rendered)
