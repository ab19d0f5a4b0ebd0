"""`mx lint`: check files against the style guide."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mxdev.errors import DONE

if TYPE_CHECKING:
    from mxdev.lint.registry import Known
    from mxdev.lint.runner import Report


def _complete_rules(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    """The rules, for a shell; those of plugins too."""
    from click.shell_completion import CompletionItem

    from mxdev.lint import registry
    from mxdev.system.output.visible import harmless

    return [
        CompletionItem(known.name, help=known.rule.summary) for known in registry.all_rules()
        if known.name.startswith(incomplete) and harmless(known.name)
    ]  # fmt: skip


def _number(ctx: click.Context, param: click.Parameter, seconds: float) -> float:
    """No `nan`, which click takes for a number within any limits."""
    if seconds != seconds:
        raise click.BadParameter("nan is no number of seconds.")
    return seconds


@click.command(name="lint")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option(
    "--fix",
    is_flag=True,
    help="First mend what can be mended safely: ruff --fix, ruff format, terraform fmt.",
)
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "sarif", "gitlab"]),
    help="What to print on stdout. Default: a table on a terminal, else text.",
)  # fmt: skip
@click.option(
    "--rule",
    "only",
    multiple=True,
    metavar="NAME",
    shell_complete=_complete_rules,
    help="Only this rule. May be repeated.",
)
@click.option(
    "--skip",
    multiple=True,
    metavar="NAME",
    shell_complete=_complete_rules,
    help="Not this rule. May be repeated.",
)
@click.option(
    "--require-all", is_flag=True, help="Exit 1 when a linter is missing that has something to check."
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, max=1e6), default=600.0, show_default=True, metavar="SECONDS",
    envvar="MX_LINT_TIMEOUT", show_envvar=True, callback=_number,
    help="How long one run of a linter, or a rule without one, may take; 0: no limit.",
)  # fmt: skip
@click.option("--list-rules", is_flag=True, help="List the rules, then stop.")
def lint(
    paths: tuple[str, ...], fix: bool, form: str | None, only: tuple[str, ...], skip: tuple[str, ...],
    require_all: bool, timeout: float, list_rules: bool,
) -> int:  # fmt: skip
    """Check files and folders against the style guide.

    Without PATH the current folder is checked. In a Git repository .gitignore is respected; a file that is named is
    checked in any case. Each linter uses the configuration of the repository, else mx's house style.

    \b
    Exit codes: 0 nothing found, 1 findings, 2 wrong usage, 4 a linter broke.
    Examples:
      mx lint
      mx lint --fix src tests
      mx lint --format sarif > findings.sarif
    """
    from mxdev.disk import session
    from mxdev.lint import registry, runner
    from mxdev.lint.files import projects, select
    from mxdev.system import console

    cwd = Path.cwd()
    everything = registry.all_rules()
    rules = registry.choose(everything, only, skip)
    if list_rules:
        _list(rules, form)
        return DONE
    selection = select(paths, cwd)
    for note in selection.notes:
        console.warn(note)
    for root in projects(selection):
        session.tell(root)
    report = runner.run(rules, selection, fix=fix, limit=timeout or None)
    # Whoever asks for one rule by its name wants it checked.
    code = report.exit_code(require_all=require_all or bool(only))
    _print(report, form, selection.root, cwd, rules, code)
    _talk(report, cwd)
    return code


def _print(
    report: Report, form: str | None, root: Path, cwd: Path, rules: Sequence[Known], code: int
) -> None:
    import sys

    from mxdev.system import console

    if form == "json":
        from mxdev.lint.reports import json as report_json

        console.out(report_json.render(report, root, cwd))
    elif form == "sarif":
        from mxdev.lint.reports import sarif

        console.out(sarif.render(report, root, rules, code=code))
    elif form == "gitlab":
        from mxdev.lint.reports import gitlab

        console.out(gitlab.render(report, root))
    else:
        from mxdev.lint.reports import text

        if form is None and console.is_terminal(sys.stdout):
            text.print_table(report, cwd)
        else:
            for line in text.lines(report, cwd):
                console.out(line)


def _talk(report: Report, cwd: Path) -> None:
    """What a person wants to know beside the findings, on stderr."""
    from mxdev.lint.reports import text
    from mxdev.lint.reports.fingerprint import location
    from mxdev.system import console

    for path in report.fixed:
        console.status(f"fixed {location(path, cwd)}")
    for one in report.broken:
        console.error(f"{one.rule} has no result: {one.message}")
    for line in text.missing(report):
        console.warn(line)
    console.err(text.summary(report))


def _list(rules: Sequence[Known], form: str | None) -> None:
    from mxdev.system import console, programs

    rows = [
        (one.name, programs.get(one.rule.tool).name if one.rule.tool else "-", one.plugin, one.rule.summary)
        for one in rules
    ]
    if form == "json":
        import json

        keys = ("name", "tool", "plugin", "summary")
        console.out(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=2))
        return
    widths = [max(len(row[at]) for row in [("RULE", "TOOL", "PLUGIN", ""), *rows]) for at in range(3)]
    for row in [("RULE", "TOOL", "PLUGIN", "CHECKS"), *rows]:
        console.out(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]])
        )
