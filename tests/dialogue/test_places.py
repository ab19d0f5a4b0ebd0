"""A conflict is settled place by place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Mx

from mxdev import testing
from mxdev.dialogue import places
from mxdev.dialogue.places import Place
from mxdev.merge.by_lines import merge_lines
from mxdev.system import console

BASE = b"1\na\n2\nb\n3\nc\n4\n"
MINE = b"1\nA\n2\nB\n3\nC\n4\n"
ITS = b"1\nx\n2\ny\n3\nz\n4\n"


def answers(monkeypatch: pytest.MonkeyPatch, *typed: str) -> Iterator[str]:
    """Type these answers; what is left of them."""
    left = iter(typed)
    monkeypatch.setattr(console, "ask", lambda question: next(left))
    return left


def test_the_parts_of_a_file_with_markers() -> None:
    assert places.split(merge_lines(BASE, MINE, ITS).data) == [
        b"1\n", Place(b"A\n", b"x\n", 2), b"2\n", Place(b"B\n", b"y\n", 4), b"3\n", Place(b"C\n", b"z\n", 6), b"4\n",
    ]  # fmt: skip
    assert places.split(b"a\n=======\n") == [b"a\n=======\n"]
    windows = merge_lines(BASE.replace(b"\n", b"\r\n"), MINE.replace(b"\n", b"\r\n"), ITS).data
    assert Place(b"B\r\n", b"y\r\n", 4) in places.split(windows)


@pytest.mark.parametrize(
    ("typed", "result"),
    [
        (("k", "t", "b"), b"1\nA\n2\ny\n3\nC\nz\n4\n"),
        (("t", "K"), b"1\nx\n2\nB\n3\nC\n4\n"),
        (("T",), ITS),
        (("?", "k", "h", "k", "k"), MINE),
        (("k", "q"), None),
    ],
)
def test_every_answer(monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...], result: bytes | None) -> None:
    left = answers(monkeypatch, *typed)
    assert places.settle("a.txt", merge_lines(BASE, MINE, ITS).data) == result
    assert next(left, None) is None


def test_an_editor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    left = answers(monkeypatch, "e", "e", "e", "k", "k")
    saved = iter([None, "<<<<<<< yours\n", "mine and its\n"])
    seen: list[tuple[str, str]] = []

    def edit(text: str, ending: str) -> str | None:
        seen.append((text, ending))
        return next(saved)

    result = places.settle("a.txt", merge_lines(BASE, MINE, ITS).data, edit)
    assert result == b"1\nmine and its\n2\nB\n3\nC\n4\n"
    assert seen[0] == ("<<<<<<< yours\nA\n=======\nx\n>>>>>>> generator\n", ".txt")
    assert "It still has conflict markers." in capsys.readouterr().err
    assert next(left, None) is None


@pytest.fixture
def conflicting(project: Path) -> Path:
    """A project in which two files are edited where `--size 2` changes them."""
    (project / "README.md").write_text("mine\n")
    settings = project / "conf" / "settings.yaml"
    settings.write_text(settings.read_text().replace("size: 1", "size: 99"))
    return project


def test_on_a_terminal(mx: Mx, conflicting: Path) -> None:
    said = testing.converse(
        "generate", "SampleBase", "--size", "2", cwd=conflicting,
        answers=[("(1 of 2)", "p"), ("Which?", "b"), ("(2 of 2)", "p"), ("Which?", "t")],
    )  # fmt: skip
    assert said.code == 0, said.stdout
    assert "The plan: " in said.stdout
    assert (conflicting / "README.md").read_text().startswith("mine\n")
    assert "Size 2" in (conflicting / "README.md").read_text()
    assert "size: 2" in (conflicting / "conf" / "settings.yaml").read_text()
    assert mx("status", "--json", cwd=conflicting).json["instances"][0]["conflicted"] == []


def test_keep_all(mx: Mx, conflicting: Path) -> None:
    said = testing.converse(
        "generate", "SampleBase", "--size", "2", cwd=conflicting, answers=[("(1 of 2)", "k")]
    )
    assert said.code == 0, said.stdout
    assert (conflicting / "README.md").read_text() == "mine\n"
    assert "size: 99" in (conflicting / "conf" / "settings.yaml").read_text()
