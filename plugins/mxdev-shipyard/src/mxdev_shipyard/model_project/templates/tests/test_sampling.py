"""What was served is kept for whoever corrects it, and what goes wrong with that is no client's concern."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sampling import Sampler

ASKED, ANSWERED = [[1.0, 2.0], [3.0, 4.0]], [{"label": "a", "score": 0.5}, {"label": "b", "score": 0.9}]


def kept(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]


def test_all_or_nothing_is_kept(tmp_path: Path) -> None:
    Sampler(tmp_path / "none", 0.0).keep(ASKED, ANSWERED)
    assert not (tmp_path / "none").exists()
    Sampler(tmp_path / "all", 1.0).keep(ASKED, ANSWERED)
    found = kept(tmp_path / "all")
    assert [(one["instance"], one["label"], one["score"]) for one in found] == [
        ([1.0, 2.0], "a", 0.5),
        ([3.0, 4.0], "b", 0.9),
    ]


@pytest.mark.parametrize(("rate", "share"), [("0.25", 0.25), ("7", 1.0), ("much", 0.0), ("", 0.0)])
def test_the_environment_says_how_much(monkeypatch: pytest.MonkeyPatch, rate: str, share: float) -> None:
    monkeypatch.setenv("SAMPLES", "/samples")
    monkeypatch.setenv("SAMPLE_RATE", rate)
    assert Sampler.of_environment().share == share
    monkeypatch.delenv("SAMPLES")
    assert Sampler.of_environment().share == 0


def test_a_disk_that_is_full_stops_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    sampler = Sampler(tmp_path / "file", 1.0)
    sampler.keep(ASKED, ANSWERED)
    assert sampler.share == 0


def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path, 1.0, most=1000)
    for _ in range(50):
        sampler.keep(ASKED, ANSWERED)
    [file] = tmp_path.iterdir()
    assert 500 < file.stat().st_size <= 1000
    file.unlink()  # it was taken to S3
    sampler.keep(ASKED, ANSWERED)
    assert len(kept(tmp_path)) == 2
