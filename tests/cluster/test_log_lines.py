"""Lines of a log that is read in several goes: each once, whatever cut the reading short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdev.cluster.log_lines import Position, tidy

BEGIN = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


def stamped(nanoseconds: int, text: str, zone: timezone = UTC) -> str:
    """A line as kubectl gives it: without trailing zeros, in the node's time zone."""
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = (BEGIN + timedelta(seconds=seconds)).astimezone(zone)
    offset = moment.strftime("%z")
    shown = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}{shown} {text}"


def served(log: list[tuple[int, str]], since: list[str], zone: timezone = UTC) -> list[str]:
    """What kubectl gives: lines at or after a whole second."""
    start = 0
    if since:
        (option,) = since
        assert option.startswith("--since-time=")
        start = int((datetime.fromisoformat(option.removeprefix("--since-time=")) - BEGIN).total_seconds())
    return [stamped(at, text, zone) for at, text in log if at >= start * 10**9]


@given(
    # Few different times, so that many lines bear the same one.
    times=st.lists(st.sampled_from([0, 1, 10**8, 10**9, 10**9 + 5, 3 * 10**9]), max_size=12),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    hours=st.sampled_from([0, 2, -5]),
)
def test_every_line_comes_once_however_often_reading_is_cut(
    times: list[int], cuts: list[int], hours: int
) -> None:
    zone = timezone(timedelta(hours=hours))
    log = [(at, f"line {number}") for number, at in enumerate(sorted(times))]
    position = Position()
    seen: list[str] = []
    for length in [*cuts, len(log)]:
        seen += position.new(served(log, position.since, zone)[:length])
    seen += position.new(served(log, position.since, zone))
    assert seen == [text for _, text in log]


def test_a_line_without_a_time_is_passed_on() -> None:
    assert list(Position().new(["no time here", ""])) == ["no time here", ""]


def test_empty_lines_are_kept() -> None:
    assert list(Position().new(["2026-11-21T15:00:00Z ", "2026-11-21T15:00:00Z"])) == ["", ""]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("text\r", "text"),
        (" 10%|#   |\r 50%|##  |\r100%|####|", "100%|####|"),
        ("100%|####|\r", "100%|####|"),
        ("\r\r", ""),
        ("", ""),
        ("  indented  ", "  indented  "),
    ],
)
def test_of_a_progress_bar_the_end_is_shown(line: str, shown: str) -> None:
    assert tidy(line) == shown
    assert list(Position().new([f"2026-11-21T15:00:00.5Z {line}"])) == [shown]
