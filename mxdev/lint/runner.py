"""Runs the rules side by side and gathers what they find."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mxdev.errors import DONE, SAYS_NO, MxError
from mxdev.lint.configs import Configs
from mxdev.lint.context import Context, LinterBroke
from mxdev.lint.files import Selection, projects
from mxdev.lint.registry import Known
from mxdev.lint.rule import SEVERITIES, Finding
from mxdev.system.files import plain
from mxdev.system.output.foreign import contained

if TYPE_CHECKING:
    from mxdev.project.project import Project
    from mxdev.system.programs import Program

WORKERS = 8


@dataclass(frozen=True)
class Missing:
    """A linter that is not there, and so did not look at `files`."""

    tool: str
    reason: str
    install: str
    files: int


@dataclass(frozen=True)
class Broken:
    """A rule that could not do its work, and why."""

    rule: str
    message: str


@dataclass
class Report:
    """What came of a run.

    Attributes:
        findings: sorted by place.
        checked: the files that at least one rule looked at.
        projects: how many mx projects were looked at as a whole.
        programs: the external programs that ran, by name, with their versions.
        missing: the linters that are not there though there is something for them to check.
        broken: the rules that could not do their work.
        fixed: the files that `--fix` changed.
    """

    findings: list[Finding] = field(default_factory=list)
    checked: set[Path] = field(default_factory=set)
    projects: int = 0
    programs: dict[str, str] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    fixed: list[Path] = field(default_factory=list)

    def exit_code(self, *, require_all: bool) -> int:
        """4 when a linter broke, 1 for findings (and for missing linters if all are required), else 0."""
        if self.broken:
            return LinterBroke.default_code
        return SAYS_NO if self.findings or (require_all and self.missing) else DONE


@dataclass
class _Job:
    known: Known
    context: Context
    findings: list[Finding] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def run(rules: Sequence[Known], selection: Selection, *, fix: bool = False) -> Report:
    """Run `rules` on what was selected.

    Args:
        rules: what to run.
        selection: on which files.
        fix: first let each rule that can mend what it can, one after the other.

    Raises:
        Refused: another mx is at work in a project that is to be mended.
    """
    report = Report()
    report.broken += [Broken(known.name, known.problem) for known in rules if known.problem]
    report.broken += [Broken(f"reading {path}", reason) for path, reason in selection.unread]
    jobs = _jobs([known for known in rules if not known.problem], selection, report)
    _find_programs(jobs, report)
    ready = [job for job in jobs if job.known.rule.tool is None or job.context.program is not None]
    if fix:
        _fix([job for job in ready if job.known.rule.can_fix], selection, report)
    with contained():
        _each(_check, ready)
    for job in ready:
        report.checked.update(job.context.files)
        report.projects = max(report.projects, len(job.context.projects))
        report.broken += [broken for broken in job.broken if broken not in report.broken]
    report.findings = _merged(ready)
    return report


def _jobs(rules: Sequence[Known], selection: Selection, report: Report) -> list[_Job]:
    configs = Configs()
    loaded: tuple[Project, ...] | None = None
    jobs = []
    for known in rules:
        context = Context(selection.root, (), covers=selection.covers, configs=configs)
        job = _Job(known, context)
        if known.rule.project:
            loaded = _load_projects(selection, report) if loaded is None else loaded
            context.projects = loaded
        with contained(), _noting_breaks(job):
            context.files = tuple(sorted(set(known.rule.applies(selection.files))))
        report.broken += job.broken
        if not job.broken and (context.files or context.projects):
            jobs.append(job)
    return jobs


def _load_projects(selection: Selection, report: Report) -> tuple[Project, ...]:
    from mxdev.project import missing
    from mxdev.project.project import Project

    loaded = []
    for root in projects(selection):
        try:
            project = Project.load(root)
            missing.check(project)
            loaded.append(project)
        except MxError as error:
            report.broken.append(Broken("project", f"the project {root} cannot be read: {error}"))
    return tuple(loaded)


def _find_programs(jobs: Sequence[_Job], report: Report) -> None:
    """Look for each program once; a missing one is noted with the number of files that nobody looks at."""
    from mxdev.system import programs as tools

    wanted = {tools.get(job.known.rule.tool): job for job in jobs if job.known.rule.tool is not None}
    found: dict[tools.Tool, Program | MxError] = {}

    def look(tool: tools.Tool) -> None:
        try:
            found[tool] = tools.find(tool)
        except MxError as error:
            found[tool] = error

    _each(look, list(wanted))
    for tool in wanted:
        program = found[tool]
        those = [
            job for job in jobs if job.known.rule.tool is not None and tools.get(job.known.rule.tool) == tool
        ]
        if isinstance(program, tools.Program):
            report.programs[tool.name] = program.version
            for job in those:
                job.context.program = program
        elif isinstance(program, tools.MissingTool):
            files = len({file for job in those for file in job.context.files})
            report.missing.append(Missing(tool.name, program.reason, tool.install, files))
        else:
            report.broken.append(Broken(tool.name, str(program)))


T = TypeVar("T")


def _each(work: Callable[[T], None], items: Sequence[T]) -> None:
    """Do `work` on all items side by side; threads do, since other programs have the work. ^C kills those."""
    from concurrent.futures import ThreadPoolExecutor

    from mxdev.system import programs as tools
    from mxdev.system import signals

    # A cancelled job in CI gets SIGTERM: what runs in the threads ends with mx then, too.
    with signals.as_control_c(), ThreadPoolExecutor(WORKERS, "mx-lint") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            while not all(future.done() for future in futures):  # a rule may start its next program still
                tools.stop_captured()
                time.sleep(0.02)
            raise


def _check(job: _Job) -> None:
    with _noting_breaks(job):
        for finding in job.known.rule.check(job.context):
            job.findings.append(_checked(finding, job))


@contextlib.contextmanager
def _noting_breaks(job: _Job) -> Iterator[None]:
    """Whatever a rule raises is told, and stops no other rule."""
    try:
        yield
    except MxError as error:
        job.broken.append(Broken(job.known.name, str(error)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit, and the panics of extension modules, too
        import traceback

        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
        job.broken.append(Broken(job.known.name, f"the rule of {job.known.plugin} failed: {what}"))


def _checked(finding: Finding, job: _Job) -> Finding:
    """A finding in the form that the reports rely on, whatever a plugin gave."""
    if finding.severity not in SEVERITIES:
        raise ValueError(f"{finding.severity!r} is not a severity; use one of {', '.join(SEVERITIES)}")
    return replace(
        finding,
        path=job.context.root / finding.path,
        line=max(1, finding.line),
        column=max(1, finding.column),
        rule=finding.rule or job.known.name,
        message=" ".join(finding.message.split()),
    )


def _merged(jobs: Sequence[_Job]) -> list[Finding]:
    """All findings by place. What two rules say in the same words of the same place (a syntax error) stands once."""
    found = [(finding, at) for at, job in enumerate(jobs) for finding in job.findings]
    found.sort(
        key=lambda pair: (pair[0].path, pair[0].line, pair[0].column, pair[1], pair[0].rule, pair[0].message)
    )
    once: dict[tuple[Path, int, int, str], Finding] = {}
    for finding, _ in found:
        once.setdefault((finding.path, finding.line, finding.column, finding.message), finding)
    return list(once.values())


def _fix(jobs: Sequence[_Job], selection: Selection, report: Report) -> None:
    """Mend, one rule after the other: two of them write the same files."""
    from mxdev.disk.session import writing

    files = sorted({file for job in jobs for file in job.context.files})
    with contextlib.ExitStack() as stack:
        for root in projects(selection):
            stack.enter_context(writing(root, "mx lint --fix"))
        before = [_bytes(file) for file in files]
        for job in jobs:
            with contained(), _noting_breaks(job):
                job.known.rule.fix(job.context)
        report.fixed = [file for file, data in zip(files, before, strict=True) if _bytes(file) != data]


def _bytes(file: Path) -> bytes | None:
    """What is in a file; None if that cannot be read, or is more than any linter gets."""
    try:
        return plain.read(file, 64 << 20)
    except OSError:
        return None
