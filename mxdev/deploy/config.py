"""The deployments in a project's devspace.yaml, in the order in which the instances that own them require each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mxdev.connect.target import Target
from mxdev.errors import MxError, UsageProblem
from mxdev.project import cloudless, environments
from mxdev.project.project import Project
from mxdev.sections.yaml import values as yaml_values

FILE = "devspace.yaml"
# What at the top of devspace.yaml only DevSpace can do.
_ONLY_DEVSPACE = ("images", "imports", "dependencies", "pullSecrets", "profiles")
_KUBECTL_KEYS = {"manifests", "inlineManifest", "kustomize", "applyArgs"}
_HELM_KEYS = {"releaseName", "chart", "values", "valuesFiles", "displayOutput", "upgradeArgs"}
_CHART_KEYS = {"name", "repo", "version", "path"}


@dataclass(frozen=True)
class Deployment:
    """One deployment of devspace.yaml.

    Attributes:
        name: its name there.
        namespace: where it goes.
        kubectl: its part `kubectl`; None: it is a chart.
        helm: its part `helm`; None: it is manifests.
        before, after, before_purge: shell commands, the hooks of those events.
        needs: the deployments that come before it.
        by_default: whether it is deployed when none is named.
    """

    name: str
    namespace: str
    kubectl: Mapping[str, Any] | None
    helm: Mapping[str, Any] | None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before_purge: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    by_default: bool = True
    only_devspace: tuple[str, ...] = field(default=())

    @property
    def release(self) -> str:
        """The name of its Helm release."""
        return str((self.helm or {}).get("releaseName") or self.name)


def read(project: Project) -> list[Deployment]:
    """The deployments of `project`, those that others need first.

    Raises:
        MxError: devspace.yaml is missing or is none.
    """
    data = project.read(FILE)
    if data is None:
        raise MxError(
            f"{project.root} has no {FILE}, so there is nothing to deploy.",
            hint=cloudless.way_out(project.options)
            or "`mx generate` lists the generators; the skeleton brings one.",
        )
    whole = yaml_values.load(data, FILE)
    if not isinstance(whole, dict) or not isinstance(whole.get("deployments") or {}, dict):
        raise MxError(
            f"{FILE}: `deployments` is not a mapping.", hint="Repair the file, or take it back from Git."
        )
    only = tuple(key for key in _ONLY_DEVSPACE if whole.get(key))
    hooks = _hooks(whole.get("hooks"))
    left_out = _left_out(whole)
    needs = _needs(project, list(whole.get("deployments") or {}))
    found = {}
    for name, part in (whole.get("deployments") or {}).items():
        if not isinstance(part, dict) or isinstance(part.get("helm"), dict) == isinstance(
            part.get("kubectl"), dict
        ):
            raise MxError(f"{FILE}: deployments.{name} has neither `kubectl` nor `helm`, or both.")
        found[name] = Deployment(
            name, str(part.get("namespace") or project.options.get("name") or "default"),
            part.get("kubectl"), part.get("helm"),
            hooks.get(f"before:deploy:{name}", ()), hooks.get(f"after:deploy:{name}", ()),
            hooks.get(f"before:purge:{name}", ()), needs[name], name not in left_out,
            (*only, *_unknown(part)),
        )  # fmt: skip
    return _in_order(found)


def chosen(deployments: Sequence[Deployment], names: Sequence[str]) -> list[Deployment]:
    """Those that are named, or, without names, all that go by default.

    Raises:
        UsageProblem: there is none of a name.
    """
    known = {one.name for one in deployments}
    if wrong := [name for name in names if name not in known]:
        raise UsageProblem(
            f"{FILE} has no deployment called {', '.join(wrong)}.",
            hint=f"It has: {', '.join(one.name for one in deployments) or 'none'}.",
        )
    return [one for one in deployments if (one.name in names if names else one.by_default)]


def own(project: Project, deployments: Sequence[Deployment], where: Target) -> list[Deployment]:
    """Those that go when all of it goes: all, but on a cluster that the project's environments may share only those of its namespace.

    Args:
        project: the project itself.
        deployments: its deployments, as they are at `where`.
        where: the project's first environment, or another.
    """
    alone = where.cloud == "gcp" or not environments.names(project.root)
    return [one for one in deployments if alone or one.namespace == where.name]


def _unknown(part: Mapping[str, Any]) -> list[str]:
    """What kubectl and Helm alone cannot do of a deployment, as keys."""
    kubectl, helm = part.get("kubectl") or {}, part.get("helm") or {}
    chart = helm.get("chart") or {}
    wrong = [f"kubectl.{key}" for key in kubectl if key not in _KUBECTL_KEYS]
    wrong += [f"helm.{key}" for key in helm if key not in _HELM_KEYS]
    wrong += [f"helm.chart.{key}" for key in chart if key not in _CHART_KEYS]
    if helm and not (chart.get("name") or chart.get("path")):
        wrong.append("helm without chart.name (DevSpace's own chart)")
    if "${" in str(part):
        wrong.append("variables (${...})")
    return wrong


def _hooks(hooks: Any) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for hook in hooks if isinstance(hooks, list) else []:
        if isinstance(hook, dict) and hook.get("command"):
            for event in hook.get("events") or []:
                found[event] = (*found.get(event, ()), str(hook["command"]))
    return found


def _left_out(whole: Mapping[str, Any]) -> set[str]:
    """The deployments that the pipeline `deploy` leaves out when none is named."""
    pipeline = (whole.get("pipelines") or {}).get("deploy")
    script = pipeline.get("run", "") if isinstance(pipeline, dict) else str(pipeline or "")
    lines = [line for line in script.splitlines() if re.search(r"create_deployments\s+--all", line)]
    return {name for line in lines for name in re.findall(r"--except[ =](\S+)", line)}


def owners(project: Project) -> dict[str, str]:
    """The instance that each deployment is of, by the deployment's name; one that a person wrote is of none."""
    return {
        section.address.removeprefix("deployments.").strip('"'): instance
        for instance, record in project.instances.items()
        for section in record.sections
        if section.path == FILE and section.address.startswith("deployments.")
    }


def _needs(project: Project, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each deployment those of the instances that its own instance requires, directly or not."""
    of = owners(project)

    def required(instance: str, seen: frozenset[str]) -> set[str]:
        record = project.instances.get(instance)
        direct = set(record.requires if record else ()) - seen
        return direct.union(*(required(one, seen | direct) for one in direct))

    found = {}
    for name in names:
        above = required(of[name], frozenset({of[name]})) if name in of else set()
        found[name] = tuple(other for other in names if of.get(other) in above)
    return found


def _in_order(found: dict[str, Deployment]) -> list[Deployment]:
    from graphlib import TopologicalSorter

    return [found[name] for name in TopologicalSorter({n: d.needs for n, d in found.items()}).static_order()]
