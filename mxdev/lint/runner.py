"""Runs the rules side by side and gathers what they find."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mxdev.errors import DONE, SAYS_NO, MxError
from mxdev.lint.configs import Configs
from mxdev.lint.context import TIMEOUT, Context, LinterBroke
from mxdev.lint.files import Selection, projects
from mxdev.lint.registry import Known
from mxdev.lint.rule import SEVERITIES, Finding
from mxdev.lint.side_by_side import Task, each
from mxdev.system.files import plain
from mxdev.system.output.foreign import contained

if TYPE_CHECKING:
    from mxdev.project.project import Project
    from mxdev.system.programs import Program

_MOST = 100_000  # findings of one rule


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


def run(
    rules: Sequence[Known], selection: Selection, *, fix: bool = False, limit: float | None = TIMEOUT
) -> Report:
    """Run `rules` on what was selected.

    Args:
        rules: what to run.
        selection: on which files.
        fix: first let each rule that can mend what it can, one after the other.
        limit: seconds for one command line of a linter, and for what a rule does without one; None: no limit.

    Raises:
        Refused: another mx is at work in a project that is to be mended.
    """
    report = Report()
    report.broken += [Broken(known.name, known.problem) for known in rules if known.problem]
    report.broken += [Broken(f"reading {path}", reason) for path, reason in selection.unread]
    jobs = _jobs([known for known in rules if not known.problem], selection, report, limit)
    _find_programs(jobs, report)
    ready = [job for job in jobs if job.known.rule.tool is None or job.context.program is not None]
    if fix:
        _fix([job for job in ready if job.known.rule.can_fix], selection, report, limit)
    with contained():
        left = each(_check, ready, limit)
    for job in left:
        job.broken = [_hangs(job, "the rule", limit)]
    for job in ready:
        report.checked.update(job.context.files)
        report.projects = max(report.projects, len(job.context.projects))
        report.broken += [broken for broken in job.broken if broken not in report.broken]
    report.findings = _merged(ready)
    return report


def _jobs(rules: Sequence[Known], selection: Selection, report: Report, limit: float | None) -> list[_Job]:
    def choose(job: _Job) -> None:
        job.context.files = tuple(sorted(set(job.known.rule.applies(selection.files))))

    configs = Configs()
    loaded: tuple[Project, ...] | None = None
    jobs = []
    for known in rules:
        context = Context(selection.root, (), covers=selection.covers, configs=configs, timeout=limit)
        job = _Job(known, context)
        if known.rule.project:
            loaded = _load_projects(selection, report) if loaded is None else loaded
            context.projects = loaded
        if not _alone(choose, job, limit):
            job.broken = [_hangs(job, "`applies` of the rule", limit)]
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

    def look(task: Task[tools.Tool]) -> None:
        tool = task.item
        try:
            found[tool] = tools.find(tool)
        except MxError as error:
            found[tool] = error

    each(look, list(wanted))
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


def _check(task: Task[_Job]) -> None:
    job = task.item
    job.context.alive = task.alive
    with _noting_breaks(job):
        for finding in job.known.rule.check(job.context):
            if task.left:
                return
            task.alive()
            if len(job.findings) == _MOST:
                raise LinterBroke(
                    f"it has more than {_MOST} findings; the first {_MOST} are shown.",
                    hint=f"Name fewer files or folders, or leave the rule out: `mx lint --skip {job.known.name}`.",
                )
            job.findings.append(_checked(finding, job))


def _alone(work: Callable[[_Job], None], job: _Job, limit: float | None) -> bool:
    """Have one rule do something beside nothing else; False: it hangs, and was left behind."""

    def do(task: Task[_Job]) -> None:
        job.context.alive = task.alive
        with _noting_breaks(job):
            work(job)

    with contained():
        return not each(do, [job], limit)


def _hangs(job: _Job, what: str, limit: float | None) -> Broken:
    limit = limit or 0.0
    return Broken(
        job.known.name,
        f"{what} of {job.known.plugin} gave no sign of life for {limit:g} seconds, so nobody waits for it any more. "
        "If it only takes long: `mx lint --timeout SECONDS`.",
    )


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


def _fix(jobs: Sequence[_Job], selection: Selection, report: Report, limit: float | None) -> None:
    """Mend, one rule after the other: two of them write the same files. After one that hangs there is no next one."""

    def mend(job: _Job) -> None:
        job.known.rule.fix(job.context)

    from mxdev.disk.session import writing

    files = sorted({file for job in jobs for file in job.context.files})
    with contextlib.ExitStack() as stack:
        for root in projects(selection):
            stack.enter_context(writing(root, "mx lint --fix"))
        before = [_bytes(file) for file in files]
        for job in jobs:
            if not _alone(mend, job, limit):
                report.broken.append(_hangs(job, "`fix` of the rule", limit))
                break
        report.fixed = [file for file, data in zip(files, before, strict=True) if _bytes(file) != data]


def _bytes(file: Path) -> bytes | None:
    """What is in a file; None if that cannot be read, or is more than any linter gets."""
    try:
        return plain.read(file, 64 << 20)
    except OSError:
        return None
