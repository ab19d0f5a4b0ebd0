"""Sections of shared files (`devspace.yaml`) that a person edited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError
from mxdev.lint.context import Context
from mxdev.lint.rule import Finding, Rule

if TYPE_CHECKING:
    from mxdev.project.project import Project
    from mxdev.project.records import Record
    from mxdev.workflow.drift import SectionEdit

ALLOW = "mx-lint: allow hand-edited"


class HandEdited(Rule):
    """An edit that lives where mx renders has to be merged at every update; as an option it never is."""

    name = "hand-edited"
    summary = "devspace.yaml and other shared files: sections are as mx rendered them"
    project = True

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each section that says something else than what its generator rendered last."""
        from mxdev.project.records import record_path
        from mxdev.workflow import drift

        for project in context.projects:
            for record in project.instances.values():

                def wanted(path: str, root: Any = project.root) -> bool:
                    return context.covers(root / path)

                try:
                    for edit in drift.section_edits(project, record, wanted):
                        yield from self._finding(project, record, edit)
                except MxError as error:
                    where = project.root / record_path(record.name)
                    text = f"mx cannot read what {record.name} rendered: {error.message}"
                    yield Finding(where, 1, 1, self.name, "error", text)

    def _finding(self, project: Project, record: Record, edit: SectionEdit) -> Iterator[Finding]:
        section, found = edit.section, edit.found
        where = project.root / section.path
        if section.declined:
            return  # the person was asked, and decided
        if isinstance(edit.problem, MxError):
            yield Finding(where, 1, 1, self.name, "error", f"mx cannot read it: {edit.problem.message}")
        # A section that is gone was taken out by somebody who does not want it: mx leaves it out from now on.
        if found is None or not edit.edited or ALLOW in found.text:
            return
        yield Finding(
            where, found.line, 1, self.name, "warning",
            f"{section.address} of {record.name} was edited by hand; mx has to merge it at every update. "
            f"If an option says the same, set it instead: `mx generate {record.generator} --help` lists them. "
            f"Else move it: `mx adopt {section.path}`. To keep it where it is, write `# {ALLOW}` into the section",
        )  # fmt: skip
