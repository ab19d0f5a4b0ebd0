"""Runs steps: look at all, show them, stop if one is blocked, ask once, do one after another, look again.

Nothing is recorded. A run that was stopped is continued by running it again, because each step asks the world.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mxdev.errors import DONE, INTERRUPTED, MxError, Refused
from mxdev.project import environments
from mxdev.steps import table
from mxdev.steps.model import Row, State, Step, TakeBack, in_order
from mxdev.system import console, signals


@dataclass(frozen=True)
class Mode:
    """How a run goes; what `step_options` reads from the command line.

    Attributes:
        dry_run: look and show, do nothing.
        json: print one JSON object and ask nothing.
        yes: what bills or destroys is agreed to.
        confirm: what `--confirm` says: the name that would be typed on a terminal where data is destroyed.
        environment: what `-E` says; the commands that are said name it, too.
    """

    dry_run: bool = False
    json: bool = False
    yes: bool = False
    confirm: str | None = None
    environment: str | None = None


def taken_back(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The taking back of all steps that have a way back, the last first."""
    back = [step for step in reversed(in_order(tuple(steps))) if step.has_way_back]
    return tuple(
        TakeBack.of(step, tuple(other.name for other in back if step.name in other.needs)) for step in back
    )


def look(steps: Sequence[Step], environment: str | None = None) -> list[Row]:
    """Ask the world about every step, in order; one whose needs are not done is not asked, see `Step.early`.

    Args:
        steps: in any order that their `needs` allow.
        environment: what `-E` says.

    Raises:
        ValueError: the steps do not fit together, see `in_order`.
    """
    rows: dict[str, Row] = {}
    for step in in_order(tuple(steps)):
        states = {name: rows[name].state.verb for name in step.needs}
        unknown = ("blocked", "later") if step.early else ("blocked", "later", "create", "change", "remove")
        open_needs = [rows[name].step for name, verb in states.items() if verb in unknown]
        after = f"after: {open_needs[0].title}" if open_needs else ""
        found = State(verb="later", why=after) if after else _found(step, environment)
        rows[step.name] = Row(step, found)
    return list(rows.values())


def run_steps(title: str, steps: Sequence[Step], mode: Mode, *, word: str | None = None) -> int:
    """Look at steps, show them, and do what is to be done; the exit code.

    Args:
        title: the command, such as "mx deploy", for messages.
        steps: what is to be so, in any order that their `needs` allow.
        mode: how the run goes.
        word: what is typed, or given by `--confirm`, before something is lost, such as the project's name; None: a yes will do.

    Raises:
        MxError: it was blocked or refused, or a step failed; with `mode.json` that is answered instead.
        KeyboardInterrupt: it was interrupted; programs that steps run have ended by then.
    """
    run = _Run(title, mode, word)
    try:
        return run.run(steps)
    except MxError as error:
        environments.of_error(error, mode.environment)
        if not mode.json:
            raise
        console.out(table.as_json(run.outcome, run.rows, error))
        return error.code


def _found(step: Step, environment: str | None) -> State:
    try:
        found = step.look()
    except MxError as error:
        found = State.of_error(error)
    if environment is None:
        return found
    why, remedy, *details = (
        environments.commands(text, environment) for text in (found.why, found.remedy, *found.details)
    )
    return replace(found, why=why, remedy=remedy, details=tuple(details))


class _Run:
    """One run: what it has come to, for the answer that is given however it ends."""

    def __init__(self, title: str, mode: Mode, word: str | None) -> None:
        self.title, self.mode, self.word = title, mode, word
        self.rows: list[Row] = []
        self.outcome = "error"
        self._agreed: set[str] = set()

    def run(self, steps: Sequence[Step]) -> int:
        with signals.as_control_c() as arrived:
            try:
                return self._run(steps)
            except KeyboardInterrupt:
                if arrived.arrived is None:
                    raise
                raise MxError(
                    "It was interrupted.",
                    hint=f"What was done stays done; `{self.title}` again goes on from there.",
                    code=INTERRUPTED,
                ) from None

    def _run(self, steps: Sequence[Step]) -> int:
        self.rows = look(steps, self.mode.environment)
        if not self.mode.json:
            table.show(self.rows)
        self._stop_if_blocked()
        if not any(row.pending for row in self.rows):
            return self._end("nothing", "Nothing is to be done: all of it holds.")
        if self.mode.dry_run:
            return self._end("planned", f"{table.summary(self.rows)}; nothing was done (--dry-run)")
        self._ask(self.rows)
        for at, row in enumerate(self.rows):
            if row.pending:
                self._do(at, row)
        return self._end("applied", "Done.")

    def _end(self, outcome: str, words: str) -> int:
        self.outcome = outcome
        console.out(table.as_json(outcome, self.rows) if self.mode.json else words)
        return DONE

    def _stop_if_blocked(self) -> None:
        blocked = [row for row in self.rows if row.state.verb == "blocked"]
        if not blocked:
            return
        self.outcome = "blocked"
        first = blocked[0].state
        lines = "\n".join(f"{row.step.title}: {row.state.why}" for row in blocked)
        hints = "\n".join(dict.fromkeys(row.state.remedy for row in blocked if row.state.remedy))
        raise MxError(f"Nothing was done.\n{lines}", hint=hints or None, code=first.code)

    def _ask(self, rows: Sequence[Row]) -> None:
        """Ask before what bills or destroys, once: what was agreed to is not asked again.

        Raises:
            Refused: the answer is no, or nobody can be asked.
        """
        bills = [bill for row in rows for bill in row.bills if f"bills {bill}" not in self._agreed]
        lost = [lost for row in rows for lost in row.destroys if f"destroys {lost}" not in self._agreed]
        if not bills and not lost:
            return
        self._agreed |= {f"bills {bill}" for bill in bills} | {f"destroys {one}" for one in lost}
        if lost and self.word is not None:
            return self._ask_word(self.word)
        if self.mode.yes:
            return
        what = " and ".join(
            filter(None, ["costs money" if bills else "", "destroys something" if lost else ""])
        )
        if self.mode.json or not console.can_ask():
            self._refuse(
                f"It {what}, and nobody can be asked.", "Look at it with --dry-run; --yes agrees to it."
            )
        if not console.agreed(f"It {what}. Go on?"):
            self._refuse("You said no.", None)

    def _ask_word(self, word: str) -> None:
        given = self.mode.confirm
        if given is None and not self.mode.json and console.can_ask():
            given = console.ask(f"Something will be lost. Type {word} to go on").strip()
        if given is None:
            self._refuse(
                "Something will be lost, and nobody can be asked.",
                f"Look at it with --dry-run; --confirm {word} agrees to it.",
            )
        if given != word:
            self._refuse(f"{given!r} is not {word}.", None)

    def _refuse(self, message: str, hint: str | None) -> None:
        self.outcome = "refused"
        done = any(row.result == "done" for row in self.rows)
        rest = "Nothing more was done." if done else "Nothing was done."
        raise Refused(f"{message} {rest}", hint=hint)

    def _do(self, at: int, row: Row) -> None:
        step = row.step
        if row.state.verb == "later":
            row = self._look_again(at, step)
            if row.state.verb == "done":
                return
        console.status(f"{_doing(row.state)} {step.title}")
        console.flush()
        try:
            step.do(self._say)
            found = _found(step, self.mode.environment)
            if found.verb != "done":
                raise MxError(
                    f"it was done, but it does not hold: {found.why or found.verb}",
                    hint=found.remedy or f"Run `{self.title}` again.",
                )
        except MxError as error:
            self.rows[at], self.outcome = row.ended("failed"), "error"
            left = [other.step.title for other in self.rows[at + 1 :] if other.pending]
            rest = f" Not done: {', '.join(left)}." if left else ""
            again = f"What was done stays done; `{self.title}` again goes on from there."
            raise MxError(
                f"{step.title}: {error.message}{rest}",
                hint="\n".join(filter(None, [error.hint, again])),
                code=error.code,
            ) from error
        self.rows[at] = Row(step, row.state, "done")

    def _say(self, text: str) -> None:
        console.status(f"  {environments.commands(text, self.mode.environment)}")

    def _look_again(self, at: int, step: Step) -> Row:
        """What is now known of a step that could not be looked at before."""
        row = self.rows[at] = Row(step, _found(step, self.mode.environment))
        if row.state.verb == "blocked":
            self.outcome = "blocked"
            raise MxError(
                f"{step.title}: {row.state.why}", hint=row.state.remedy or None, code=row.state.code
            )
        if not self.mode.json and row.state.verb != "done":
            table.show([row])
        self._ask([row])
        return row


def _doing(state: State) -> str:
    return {"create": "creating", "change": "changing", "remove": "removing"}[state.verb] + ":"
