"""Steps: what is shown is what is done, in order, asked once, and gone on with after any end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mxdev.errors import COULD_NOT, INTERRUPTED, SAYS_NO, MxError, Refused
from mxdev.steps import Mode, State, Step, run_steps, taken_back
from mxdev.steps.model import Say, in_order
from mxdev.steps.runner import look
from mxdev.system import console


@dataclass(frozen=True, kw_only=True)
class Made(Step):
    """A file in a folder is the thing; another file counts how often it was made."""

    world: Path
    loses: tuple[str, ...] = ()
    costs: tuple[str, ...] = ()
    fails: bool = False
    forgets: bool = False

    def look(self) -> State:
        if (self.world / self.name).exists():
            return State.done("there")
        return State(verb="create", why="missing", bills=self.costs, destroys=self.loses)

    def do(self, say: Say) -> None:
        with (self.world / "log").open("a") as log:
            log.write(f"{self.name}\n")
        say(f"making {self.name}")
        if self.fails:
            raise MxError("no quota", hint="Ask for more.")
        if not self.forgets:
            (self.world / self.name).touch()

    def take_back(self, say: Say) -> None:
        with (self.world / "log").open("a") as log:
            log.write(f"-{self.name}\n")
        (self.world / self.name).unlink()


@dataclass(frozen=True, kw_only=True)
class Blocked(Step):
    """Never works."""

    def look(self) -> State:
        return State.blocked("nobody is logged in", "gcloud auth login")

    def do(self, say: Say) -> None:
        raise AssertionError("a blocked step was done")


def log(world: Path) -> list[str]:
    return (world / "log").read_text().split() if (world / "log").exists() else []


def chain(world: Path, **more: object) -> list[Step]:
    last = Made(name="c", title="The third", needs=("b",), world=world, **more)  # type: ignore[arg-type]
    return [
        last,
        Made(name="a", title="The first", world=world),
        Made(name="b", title="The second", needs=("a",), world=world),
    ]


def test_all_is_done_in_the_order_of_what_is_needed_and_the_second_run_does_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_steps("mx try", chain(tmp_path), Mode()) == 0
    assert log(tmp_path) == ["a", "b", "c"]
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert [row[:3] for row in rows[:3]] == [
        ["create", "The", "first"],
        ["later", "The", "second"],
        ["later", "The", "third"],
    ]
    assert "making b" in shown.err
    assert run_steps("mx try", chain(tmp_path), Mode()) == 0
    assert log(tmp_path) == ["a", "b", "c"]
    assert "all of it holds" in capsys.readouterr().out


def test_a_dry_run_looks_and_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_steps("mx try", chain(tmp_path, costs=("1 node",)), Mode(dry_run=True)) == 0
    assert log(tmp_path) == []
    assert "nothing was done" in capsys.readouterr().out


def test_one_that_is_blocked_stops_all_before_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [*chain(tmp_path), Blocked(name="login", title="A login")]
    with pytest.raises(MxError, match="A login: nobody is logged in") as stopped:
        run_steps("mx try", steps, Mode(yes=True))
    assert (stopped.value.hint, stopped.value.code) == ("gcloud auth login", SAYS_NO)
    assert log(tmp_path) == []
    with pytest.raises(MxError):
        run_steps("mx try", steps, Mode(dry_run=True))


def test_what_bills_or_destroys_is_refused_where_nobody_can_be_asked(tmp_path: Path) -> None:
    for more in ({"costs": ("1 node",)}, {"loses": ("a volume",)}):
        step = Made(name="a", title="A thing", world=tmp_path, **more)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="nobody can be asked"):
            run_steps("mx try", [step], Mode())
        assert log(tmp_path) == []
        assert run_steps("mx try", [step], Mode(yes=True)) == 0
        assert log(tmp_path) == ["a"]
        (tmp_path / "a").unlink()
        (tmp_path / "log").unlink()


def test_it_is_asked_once_and_only_what_was_not_shown_then_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr(console, "ask", lambda question: asked.append(question) or "y")
    first = Made(name="a", title="The first", world=tmp_path, bills=("1 node",))
    shown = Made(name="b", title="The second", needs=("a",), world=tmp_path, bills=("1 disk",))
    run_steps("mx try", [first, shown], Mode())
    assert len(asked) == 1
    hidden = Made(name="c", title="The third", needs=("d",), world=tmp_path, loses=("a bucket",))
    run_steps("mx try", [Made(name="d", title="The fourth", world=tmp_path, bills=("x",)), hidden], Mode())
    assert len(asked) == 3
    assert "destroys" in asked[2]


def test_a_no_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "can_ask", lambda: True)
    for answer in ("", "n", "yeah"):
        monkeypatch.setattr(console, "ask", lambda question, answer=answer: answer)
        with pytest.raises(Refused, match="Nothing was done"):
            run_steps("mx try", [Made(name="a", title="A", world=tmp_path, bills=("x",))], Mode())
    assert log(tmp_path) == []


def test_where_something_is_lost_the_name_is_typed_and_a_yes_does_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [Made(name="a", title="A", world=tmp_path, loses=("the data",))]
    with pytest.raises(Refused, match="nobody can be asked") as refused:
        run_steps("mx try", steps, Mode(yes=True), word="churn")
    assert "--confirm churn" in str(refused.value.hint)
    with pytest.raises(Refused, match="is not churn"):
        run_steps("mx try", steps, Mode(yes=True, confirm="other"), word="churn")
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr(console, "ask", lambda question: "yes")
    with pytest.raises(Refused, match="is not churn"):
        run_steps("mx try", steps, Mode(), word="churn")
    assert log(tmp_path) == []
    assert run_steps("mx try", steps, Mode(confirm="churn"), word="churn") == 0
    assert log(tmp_path) == ["a"]


def test_a_failure_stops_and_names_what_is_left(tmp_path: Path) -> None:
    steps = [
        Made(name="a", title="The first", world=tmp_path),
        Made(name="b", title="The second", needs=("a",), world=tmp_path, fails=True),
        Made(name="c", title="The third", needs=("b",), world=tmp_path),
    ]
    with pytest.raises(MxError, match=r"The second: no quota Not done: The third\.") as failed:
        run_steps("mx try", steps, Mode())
    assert failed.value.code == COULD_NOT
    assert "Ask for more.\n" in str(failed.value.hint)
    assert "`mx try` again goes on" in str(failed.value.hint)
    assert log(tmp_path) == ["a", "b"]


def test_what_does_not_hold_after_it_was_done_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MxError, match=r"^A: it was done, but it does not hold: missing"):
        run_steps("mx try", [Made(name="a", title="A", world=tmp_path, forgets=True)], Mode())


def test_json_is_one_object_whatever_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(steps: list[Step], mode: Mode) -> tuple[int, dict[str, object], list[dict[str, object]]]:
        code = run_steps("mx try", steps, mode)
        said = json.loads(capsys.readouterr().out)
        return code, said, said["steps"]

    code, said, rows = answer(chain(tmp_path, costs=("x",)), Mode(json=True, dry_run=True))
    assert (code, said["outcome"], said["error"]) == (0, "planned", None)
    assert [(row["name"], row["state"]) for row in rows] == [("a", "create"), ("b", "later"), ("c", "later")]
    code, said, _ = answer([Blocked(name="x", title="X")], Mode(json=True))
    assert (code, said["outcome"]) == (SAYS_NO, "blocked")
    assert "gcloud auth login" in str(said["error"])
    code, said, _ = answer([Made(name="m", title="M", world=tmp_path, bills=("x",))], Mode(json=True))
    assert (code, said["outcome"]) == (SAYS_NO, "refused")
    code, said, rows = answer([Made(name="f", title="F", world=tmp_path, fails=True)], Mode(json=True))
    assert (code, said["outcome"], rows[0]["result"]) == (COULD_NOT, "error", "failed")
    code, said, rows = answer(chain(tmp_path), Mode(json=True))
    assert (code, said["outcome"], [row["result"] for row in rows]) == (0, "applied", ["done"] * 3)
    assert answer(chain(tmp_path), Mode(json=True))[1]["outcome"] == "nothing"


def test_taking_back_goes_in_reverse_and_takes_only_what_is_there(tmp_path: Path) -> None:
    steps = [*chain(tmp_path), Blocked(name="x", title="No way back")]
    (tmp_path / "a").touch()
    (tmp_path / "c").touch()
    back = taken_back(steps)
    assert [step.name for step in back] == ["c", "b", "a"]
    assert [row.state.verb for row in look(back)] == ["remove", "done", "remove"]
    assert run_steps("mx down", back, Mode()) == 0
    assert log(tmp_path) == ["-c", "-a"]


def test_one_that_is_early_is_looked_at_unless_what_it_needs_is_blocked_or_unknown(tmp_path: Path) -> None:
    first = Made(name="a", title="A", world=tmp_path)
    second = Made(name="b", title="B", world=tmp_path, needs=("a",))
    early = Made(name="c", title="C", world=tmp_path, needs=("a",), early=True)
    after = Made(name="d", title="D", world=tmp_path, needs=("b",), early=True)
    stopped = Made(name="e", title="E", world=tmp_path, needs=("x",), early=True)
    rows = look([first, second, early, after, Blocked(name="x", title="X"), stopped])
    assert {row.step.name: row.state.verb for row in rows} == {
        "a": "create", "b": "later", "c": "create", "d": "later", "x": "blocked", "e": "later",
    }  # fmt: skip


def test_steps_that_do_not_fit_together_are_an_error_of_who_wrote_them(tmp_path: Path) -> None:
    a = Made(name="a", title="A", world=tmp_path, needs=("b",))
    b = Made(name="b", title="B", world=tmp_path, needs=("a",))
    for steps, what in (((a, b), "circle"), ((a, a), "more than one"), ((a,), "no such step")):
        with pytest.raises(ValueError, match=what):
            in_order(steps)


_SLEEPER = """
    import sys
    from dataclasses import dataclass
    from pathlib import Path
    from mxdev.errors import MxError
    from mxdev.steps import Mode, State, Step, run_steps
    from mxdev.system import programs

    @dataclass(frozen=True, kw_only=True)
    class Sleeps(Step):
        def look(self):
            return State.create()
        def do(self, say):
            script = "echo $$ > child; exec sleep 60"
            programs.run(["sh", "-c", script], capture="capture" in sys.argv)

    try:
        run_steps("mx try", [Sleeps(name="s", title="Sleep")], Mode())
    except MxError as error:
        print(error, file=sys.stderr)
        sys.exit(error.code)
"""


@pytest.mark.parametrize("kind", ["capture", "foreground"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_child_too(tmp_path: Path, kind: str, number: int) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text(textwrap.dedent(_SLEEPER))
    mx = subprocess.Popen(
        [sys.executable, str(script), kind],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 20
    while not (child := tmp_path / "child").exists() or not child.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    mx.send_signal(number)
    _, said = mx.communicate(timeout=20)
    # A foreground program takes SIGTERM itself: then it is its failure that is told.
    assert mx.returncode == INTERRUPTED or (kind, number) == ("foreground", signal.SIGTERM), said
    with pytest.raises(ProcessLookupError):
        os.kill(int(child.read_text()), 0)
