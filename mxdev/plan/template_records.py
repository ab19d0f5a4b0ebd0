"""What the records say of overridden templates: which were replaced, and whether they have changed since."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError, UsageProblem
from mxdev.generator.tree import Replaced
from mxdev.project.records import TemplateRecord, pristine_template_path

if TYPE_CHECKING:
    from mxdev.plan.model import Plan
    from mxdev.project.files.content import Content
    from mxdev.project.project import Project


def records(
    project: Project, known_as: str, replaced: Mapping[str, Replaced], accepted: Collection[str] = ()
) -> tuple[dict[str, TemplateRecord], dict[str, bytes]]:
    """What an instance's record says of its overrides, and the replaced templates that are kept for a diff.

    The template is remembered as it was when its override was last changed or accepted: whoever does that has seen it.
    """
    from mxdev.project.project import digest

    said, kept = {}, {}
    for key, one in replaced.items():
        before, base = _remembered(project, known_as, key)
        sha = digest(one.override.data)
        if before is not None and before.sha256 == sha and not _means(accepted, key, one):
            said[key] = TemplateRecord(sha, before.replaces)
            if base is not None:
                kept[key] = base
        else:
            said[key] = TemplateRecord(sha, digest(one.original))
            kept[key] = one.original
    return said, kept


def _means(paths: Collection[str], key: str, replaced: Replaced) -> bool:
    """Whether a person means this template: by its own path, or by that of the override."""
    return key in paths or replaced.override.by in paths


def check_accepted(plan: Plan) -> list[str]:
    """What accepting overrides does, a line each.

    Raises:
        UsageProblem: nothing overrides a template of that name.
    """
    found = {
        path: f"{one.override.by} is right as it is: `mx status` calls it outdated when {key} changes again."
        for rendering in plan.renderings
        for key, one in (rendering.tree.replaced if rendering.tree else {}).items()
        for path in plan.wishes.accept
        if _means((path,), key, one)
    }
    if unknown := sorted(plan.wishes.accept - found.keys()):
        raise UsageProblem(
            f"Nothing here overrides the template {', '.join(unknown)}.",
            hint="`mx status` lists the overrides.",
        )
    return [found[path] for path in sorted(found)]


def _remembered(project: Project, instance: str, key: str) -> tuple[TemplateRecord | None, bytes | None]:
    from mxdev.project.project import digest

    record = project.instances.get(instance)
    said = record.templates.get(key) if record else None
    data = project.read(pristine_template_path(instance, key)) if said else None
    return said, data if said and data is not None and digest(data) == said.replaces else None


def state_files(
    plan: Plan, instance: str, known_as: str, kept: Mapping[str, bytes]
) -> dict[str, Content | None]:
    """The replaced templates as files of `.mx/`; those that are no longer replaced go."""
    from mxdev.project.files.content import Content

    record = plan.project.instances.get(known_as)
    files: dict[str, Content | None] = {
        pristine_template_path(known_as, key): None for key in (record.templates if record else ())
    }
    files.update({pristine_template_path(instance, key): Content(data) for key, data in kept.items()})
    return files


@dataclass(frozen=True)
class Report:
    """One override of an instance, as `mx status` tells it.

    Attributes:
        template: its path.
        by: whose it is.
        outdated: the template that it replaces has changed since the override was written.
        unused: the generator has no template of that path.
    """

    template: str
    by: str
    outdated: bool = False
    unused: bool = False


def report(plan: Plan, instance: str) -> list[Report]:
    """The overrides of an instance that `plan` renders."""
    from mxdev.project.project import digest

    found = []
    for rendering in plan.renderings:
        tree = rendering.tree
        if rendering.known_as != instance or tree is None:
            continue
        said, _ = records(plan.project, instance, tree.replaced)
        for key, one in tree.replaced.items():
            changed = said[key].replaces != digest(one.original)
            found.append(Report(key, one.override.by, outdated=changed))
        # Those of templates that render to nothing here, too.
        known = {tree.name_of_override(key) for key in tree.templates} | tree.templates
        unused = {key: o for key, o in tree.overrides.items() if key not in known}
        found += [Report(key, override.by, unused=True) for key, override in unused.items()]
    return found


def differences(plan: Plan, instance: str) -> Iterator[str]:
    """What became of each template since its override was written, as unified diffs."""
    from mxdev.merge.diff import difference

    for rendering in plan.renderings:
        if rendering.known_as != instance or rendering.tree is None:
            continue
        for one in report(plan, instance):
            if not one.outdated:
                continue
            _, base = _remembered(plan.project, instance, one.template)
            if base is None:
                raise MxError(
                    f"What {one.template} was when {one.by} was written is missing from "
                    f"{pristine_template_path(instance, one.template)}.",
                    hint="Take it back from version control, or compare the override with the template itself.",
                )
            yield difference(one.template, base, rendering.tree.replaced[one.template].original)


def as_rows(found: list[Report]) -> list[dict[str, Any]]:
    """For JSON."""
    return [vars(one) for one in found]
