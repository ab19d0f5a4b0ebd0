"""Sections of shared files (`devspace.yaml`) that a person edited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError
from mxdev.lint.context import Context
from mxdev.lint.rule import Finding, Rule

if TYPE_CHECKING:
    from mxdev.project.project import Project
    from mxdev.project.records import Record, SectionRecord

ALLOW = "mx-lint: allow hand-edited"


class HandEdited(Rule):
    """An edit that lives where mx renders has to be merged at every update; as an option it never is."""

    name = "hand-edited"
    summary = "devspace.yaml and other shared files: sections are as mx rendered them"
    project = True

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each section that says something else than what its generator rendered last."""
        for project in context.projects:
            for record in project.instances.values():
                bases: dict[str, dict[str, str]] = {}
                for section in record.sections:
                    if section.declined or not context.covers(project.root / section.path):
                        continue  # declined: the person was asked, and decided
                    if section.path not in bases:
                        bases[section.path] = _bases(project, record, section.path)
                    base = bases[section.path].get(section.address)
                    if base is not None:
                        yield from self._compare(project, record, section, base)

    def _compare(
        self, project: Project, record: Record, section: SectionRecord, base: str
    ) -> Iterator[Finding]:
        from mxdev.sections import sections

        where = project.root / section.path
        try:
            found = sections.read(project.read(section.path), section.address, path=section.path)
        except MxError as error:
            yield Finding(where, 1, 1, self.name, "error", f"mx cannot read it: {error.message}")
            return
        # A section that is gone was taken out by somebody who does not want it: mx leaves it out from now on.
        if (
            found is None
            or ALLOW in found.text
            or _same(found.text, base, yaml=sections.is_yaml(section.path))
        ):
            return
        yield Finding(
            where, found.line, 1, self.name, "warning",
            f"{section.address} of {record.name} was edited by hand; mx has to merge it at every update. "
            f"If an option says the same, set it instead: `mx generate {record.generator} --help` lists them. "
            f"Else move it: `mx adopt {section.path}`. To keep it where it is, write `# {ALLOW}` into the section",
        )  # fmt: skip


def _bases(project: Project, record: Record, path: str) -> dict[str, str]:
    """What mx rendered last; empty where that cannot be read, which is the business of the rule `pristine`."""
    try:
        return project.pristine_sections(record.name, path)
    except MxError:
        return {}


def _same(here: str, base: str, *, yaml: bool) -> bool:
    """Whether both say the same. Comments and layout are a person's own business: no option could hold them."""
    if here == base:
        return True
    return yaml and (value := _value(here)) is not None and value == _value(base)


def _value(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (a safe loader)
    except yaml.YAMLError:
        return None  # an alias to an anchor elsewhere in the file, for example: a person wrote that
