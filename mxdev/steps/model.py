"""What a step is, and what is found when the world is asked about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from mxdev.errors import SAYS_NO, MxError

Verb = Literal["done", "create", "change", "remove", "blocked", "later"]
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class State:
    """What `look` found. Made by `State.done(...)`, `State.create(...)` and so on.

    Attributes:
        verb: what is to be done: nothing (`done`), `create`, `change` or `remove`; nothing can be done (`blocked`); or it
            cannot be known before what the step needs is done (`later`).
        why: what was found, as one sentence or a few words.
        remedy: what a person must do about it, if it is blocked.
        bills: what will cost money afterwards, besides what the step says itself.
        destroys: what is lost, besides what the step says itself.
        details: more lines, shown below the row.
        code: the exit code of a run that this stops, if it is blocked.
    """

    verb: Verb
    why: str = ""
    remedy: str = ""
    bills: tuple[str, ...] = ()
    destroys: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    code: int = SAYS_NO

    @classmethod
    def done(cls, why: str = "", *, details: tuple[str, ...] = ()) -> State:
        """All is as it should be."""
        return cls(verb="done", why=why, details=details)

    @classmethod
    def create(cls, why: str = "", *, bills: tuple[str, ...] = (), details: tuple[str, ...] = ()) -> State:
        """Something is missing, and the step makes it."""
        return cls(verb="create", why=why, bills=bills, details=details)

    @classmethod
    def change(
        cls,
        why: str = "",
        *,
        bills: tuple[str, ...] = (),
        destroys: tuple[str, ...] = (),
        details: tuple[str, ...] = (),
    ) -> State:
        """Something is other than it should be, and the step changes it."""
        return cls(verb="change", why=why, bills=bills, destroys=destroys, details=details)

    @classmethod
    def remove(cls, why: str = "", *, destroys: tuple[str, ...] = (), details: tuple[str, ...] = ()) -> State:
        """Something is there that should not be, and the step removes it."""
        return cls(verb="remove", why=why, destroys=destroys, details=details)

    @classmethod
    def blocked(
        cls, why: str, remedy: str = "", *, details: tuple[str, ...] = (), code: int = SAYS_NO
    ) -> State:
        """A person must do something first; `remedy` says what, best as the command to run."""
        return cls(verb="blocked", why=why, remedy=remedy, details=details, code=code)

    @classmethod
    def of_error(cls, error: MxError) -> State:
        """Blocked by an error, such as a program that is missing."""
        return cls.blocked(error.message, error.hint or "", code=error.code)


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """One change of the world outside of the project's files: a bucket, a login, a deployment.

    Subclass it as a frozen dataclass of keyword arguments, with what it works on as further fields.

    Attributes:
        name: what it is called in `needs` and in JSON, such as "state-bucket".
        title: what a person reads, such as "Bucket for Terraform's state".
        needs: names of steps that come before it. Until they are done it is not looked at, unless it is `early`.
        permissions: what a person must be allowed to do, in the words of whoever grants it.
        bills: what will cost money afterwards.
        destroys: what is lost by doing it.
        lost: what is lost by taking it back.
        early: it can be looked at before what it needs is done, if that is known not to be blocked.
    """

    name: str
    title: str
    needs: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    bills: tuple[str, ...] = ()
    destroys: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    early: bool = False

    @abstractmethod
    def look(self) -> State:
        """What is to be done, asked of the world and not of a record. It changes nothing, and ends in reasonable time.

        Raises:
            MxError: it cannot be known; the step counts as blocked by that.
        """

    @abstractmethod
    def do(self, say: Say) -> None:
        """Do it. Afterwards `look` must say `done`: what needs time is waited for here. It is safe to do it again.

        Args:
            say: shows a line of progress.

        Raises:
            MxError: it failed. The run stops; running the command again goes on from here.
        """

    def take_back(self, say: Say) -> None:
        """Take back what `do` did. A step that has no way back leaves this as it is, and is left out when all is taken back."""
        raise NotImplementedError(f"the step {self.name} has no way back")

    def look_back(self) -> State:
        """What is to be done to take it back: `remove`, `done` when nothing is there, or `blocked`."""
        found = self.look()
        if found.verb in ("done", "change", "remove"):
            return State.remove(found.why, destroys=self.lost)
        return State.done("not there") if found.verb == "create" else found

    @property
    def has_way_back(self) -> bool:
        """Whether it can be taken back."""
        return type(self).take_back is not Step.take_back


@dataclass(frozen=True, kw_only=True)
class Check(Step):
    """A step that only looks: what it asks for holds, or only a person can bring it about."""

    def do(self, say: Say) -> None:
        """Nothing: it is done, or blocked."""


@dataclass(frozen=True, kw_only=True)
class TakeBack(Step):
    """The taking back of a step, as a step."""

    step: Step

    @classmethod
    def of(cls, step: Step, needs: tuple[str, ...]) -> TakeBack:
        """`step` in reverse, after those that `needs` names."""
        return cls(
            name=step.name, title=step.title, needs=needs, permissions=step.permissions, step=step, early=True
        )

    def look(self) -> State:
        """See `Step.look_back`."""
        return self.step.look_back()

    def do(self, say: Say) -> None:
        """See `Step.take_back`."""
        self.step.take_back(say)


@dataclass(frozen=True)
class Row:
    """A step with what was found of it, as it is shown."""

    step: Step
    state: State
    result: Literal["done", "failed"] | None = None

    @property
    def pending(self) -> bool:
        """Whether there is something to do, or may be."""
        return self.state.verb not in ("done", "blocked")

    @property
    def bills(self) -> tuple[str, ...]:
        """What will cost money when it is done."""
        removes = self.state.verb == "remove"
        return () if not self.pending or removes else (*self.step.bills, *self.state.bills)

    @property
    def destroys(self) -> tuple[str, ...]:
        """What is lost when it is done."""
        return (*self.step.destroys, *self.state.destroys) if self.pending else ()

    def ended(self, result: Literal["done", "failed"]) -> Row:
        """The row with how it ended."""
        return replace(self, result=result)


def in_order(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps so that each comes after those that it needs, and otherwise as they are given.

    Raises:
        ValueError: two have one name, one needs a step that is not there, or they need each other in a circle.
    """
    names = [step.name for step in steps]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"more than one step is called {', '.join(sorted(twice))}")
    for step in steps:
        if missing := set(step.needs) - set(names):
            raise ValueError(
                f"the step {step.name} needs {', '.join(sorted(missing))}, and there is no such step"
            )
    ordered: list[Step] = []
    left = list(steps)
    while left:
        placed = {step.name for step in ordered}
        ready = next((step for step in left if placed.issuperset(step.needs)), None)
        if ready is None:
            raise ValueError(
                f"these steps need each other in a circle: {', '.join(step.name for step in left)}"
            )
        ordered.append(ready)
        left.remove(ready)
    return tuple(ordered)
