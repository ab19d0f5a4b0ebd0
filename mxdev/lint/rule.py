"""What a rule of `mx lint` is. A plugin announces its rules with the hook `mx_lint_rules`::

    from mxdev.lint.rule import Context, Finding, Rule


    class NoTodo(Rule):
        name = "no-todo"
        summary = "No TODO is left in a Python file."

        def applies(self, files):
            return [file for file in files if file.suffix == ".py"]

        def check(self, context):
            for file in context.files:
                for number, line in enumerate(file.read_text().splitlines(), 1):
                    if "TODO" in line:
                        yield Finding(
                            file, number, line.index("TODO") + 1, self.name, "warning", "Do it, or file it."
                        )

The files are absolute paths; one that is not UTF-8 is for the rule to bear in mind, as is one that is gone by then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mxdev.lint.context import Context, LinterBroke

if TYPE_CHECKING:
    from mxdev.system.programs import Tool

__all__ = ["SEVERITIES", "Context", "Finding", "LinterBroke", "Rule", "Severity"]

Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is not as the style guide wants it. Every finding, of whatever severity, makes `mx lint` exit 1.

    Attributes:
        path: the file; absolute, or relative to `Context.root`.
        line: from 1.
        column: from 1, in characters.
        rule: the rule's name, or "name/code" where the rule has codes of its own, as in "ruff-check/F401".
        severity: "error", "warning" or "info".
        message: what is wrong and what to do, in one sentence.
        url: where the rule is explained, or "".
    """

    path: Path
    line: int
    column: int
    rule: str
    severity: Severity
    message: str
    url: str = ""


class Rule:
    """The base of every rule.

    Attributes:
        name: lower case, digits and dashes; what `--rule`, `--skip` and the findings call it.
        summary: one line for `mx lint --list-rules`.
        tool: the external program that it runs, if any, by its name or as a `mxdev.system.programs.Tool`. When it is missing mx
            says so and does not call `check`.
        project: the rule looks at mx projects as a whole (`Context.projects`) and is left out outside of projects.
        can_fix: it has a `fix`.
    """

    name: str = ""
    summary: str = ""
    tool: str | Tool | None = None
    project: bool = False
    can_fix: bool = False

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """Those of `files` that the rule looks at; none of them, and it is not run (unless it is a `project` rule)."""
        return ()

    def check(self, context: Context) -> Iterable[Finding]:
        """What is wrong. Runs in a thread beside other rules and must not change anything."""
        raise NotImplementedError

    def fix(self, context: Context) -> None:
        """Mend what can be mended without thinking. Runs before every `check`, alone."""
        raise NotImplementedError
