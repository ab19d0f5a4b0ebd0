"""The pristine files: what mx rendered last, the base of every later merge."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mxdev.errors import MxError
from mxdev.lint.context import Context
from mxdev.lint.rule import Finding, Rule

if TYPE_CHECKING:
    from mxdev.project.project import Project
    from mxdev.project.records import Record


class Pristine(Rule):
    """Without its base a merge is a guess, so mx would have to ask about every file."""

    name = "pristine"
    summary = "mx's own records: what was rendered last is there, and is what the record says"
    project = True

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each pristine file that is missing or altered, and for each path that leaves the project."""
        from mxdev.disk import session
        from mxdev.project.records import PROJECT_FILE

        for project in context.projects:
            if waiting := session.interruption(
                project.root
            ):  # half of the records are new: no fault, and nothing to take back
                yield Finding(project.root / PROJECT_FILE, 1, 1, self.name, "error", waiting)
                continue
            for record in project.instances.values():
                yield from self._files(context, project, record)
                yield from self._sections(context, project, record)

    def _files(self, context: Context, project: Project, record: Record) -> Iterator[Finding]:
        from mxdev.project.project import pristine_path

        for path, file in record.files.items():
            pristine = pristine_path(record.name, path, private=file.private)
            if not (context.covers(project.root / path) or context.covers(project.root / pristine)):
                continue
            try:
                if project.pristine(record.name, path) is not None:
                    continue
                what = "is missing" if project.read(pristine) is None else "was altered"
            except MxError as error:
                yield self._bad_record(project, record, error)
                continue
            if file.private and project.read(pristine) is None:
                continue  # it is on the machine that rendered it
            yield self._finding(project, pristine, f"{what}, so mx cannot merge {path}")

    def _sections(self, context: Context, project: Project, record: Record) -> Iterator[Finding]:
        from mxdev.project.project import pristine_sections_path

        for path in dict.fromkeys(section.path for section in record.sections):
            pristine = pristine_sections_path(record.name, path)
            if not (context.covers(project.root / path) or context.covers(project.root / pristine)):
                continue
            try:
                data, fragments = project.read(pristine), project.pristine_sections(record.name, path)
            except MxError as error:
                yield self._bad_record(project, record, error)
                continue
            lost = [s.address for s in record.sections if s.path == path and s.address not in fragments]
            if lost:
                what = "is missing" if data is None else "was altered"
                yield self._finding(
                    project, pristine, f"{what}, so mx cannot merge {', '.join(lost)} in {path}"
                )

    def _finding(self, project: Project, pristine: str, what: str) -> Finding:
        message = f"{what}; take it back: `git checkout -- {shlex.quote(pristine)}`"
        return Finding(project.root / pristine, 1, 1, self.name, "error", message)

    def _bad_record(self, project: Project, record: Record, error: MxError) -> Finding:
        from mxdev.project.records import record_path

        where: Path = project.root / record_path(record.name)
        return Finding(
            where, 1, 1, self.name, "error", f"the record of {record.name} is wrong: {error.message}"
        )
