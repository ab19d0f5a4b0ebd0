"""What runs against what is rendered: Terraform's plan, `kubectl diff`, and the commit that running pods are built from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mxdev.artifacts.image import BASE
from mxdev.cluster.kubectl import Kubectl
from mxdev.connect import target as targets
from mxdev.connect.target import Target
from mxdev.deploy import config, objects, rewritten, tools
from mxdev.deploy import steps as deploying
from mxdev.deploy.config import Deployment
from mxdev.doctor import project as looks
from mxdev.doctor.finding import Finding, guarded
from mxdev.errors import MxError
from mxdev.infra import place as places
from mxdev.infra.plans import planning
from mxdev.infra.terraform import Terraform
from mxdev.project import environments
from mxdev.project.project import Project
from mxdev.steps.model import State, Step
from mxdev.system import console, git

# A row of `mx status --json`.
Row = Mapping[str, Any]
# same: what runs is what is rendered; nothing: there is nothing of it that could run.
Word = Literal["same", "differs", "absent", "unknown", "nothing"]
_OF_VERB: Mapping[str, Word] = {"done": "same", "create": "absent", "change": "differs"}
_SAID = {"same": "as rendered", "absent": "not deployed", "nothing": "-"}
_COLOURS = {"same": "green", "differs": "yellow", "absent": "yellow", "unknown": "magenta"}
# What runs for good, and so should be of this commit; a training that goes on may well be of another.
_FOR_GOOD = ("ReplicaSet", "StatefulSet", "DaemonSet")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_HEADS = ("", "RENDERED", "EDITED", "DEPLOYED")


@dataclass(frozen=True)
class Part:
    """One line of the table.

    Attributes:
        name: an instance, "Terraform" or "images".
        rendered: "up to date", what is waiting, or why an update cannot be.
        edited: how many files and sections a person changed; of images how many files are not committed.
        deployed: how what runs compares with what is rendered.
        text: that in words.
        remedy: what to do about it.
    """

    name: str
    rendered: str
    edited: int
    deployed: Word
    text: str = ""
    remedy: str = ""

    @property
    def fault(self) -> bool:
        """Whether what runs is not what is rendered."""
        return self.deployed in ("differs", "absent")


def look(project: Project, rows: Sequence[Row], environment: str | None = None) -> list[Part]:
    """Ask the world. What cannot be reached is a part that says so, and the next one is looked at.

    Args:
        project: what is looked at.
        rows: what `mx status` says of each instance.
        environment: one of its environments; None: what it runs in without any.

    Raises:
        Refused: there is no such environment.
        MxError: the project does not say where it runs, or its devspace.yaml is broken.
    """
    target = targets.of(project, environment)
    found = list(_instances(rewritten.project(project, environment), target, rows))
    if target.cloud == "gcp":
        found.append(_terraform(project, target, rows))
    found.append(_images(project, target))
    return [
        replace(
            one,
            text=environments.commands(one.text, environment),
            remedy=environments.commands(one.remedy, environment),
        )
        for one in found
    ]


def show(parts: Sequence[Part]) -> None:
    """Print the table, and below it what to do."""
    lines = [(one.name, one.rendered, str(one.edited or "-"), one.text) for one in parts]
    widths = [max(len(line[at]) for line in (*lines, _HEADS)) for at in range(3)]
    console.out("  ".join(head.ljust(width) for head, width in zip(_HEADS, (*widths, 0), strict=True)))
    for one, line in zip(parts, lines, strict=True):
        first = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False))
        console.out(
            f"{first}  {console.paint(one.text, _COLOURS[one.deployed]) if one.deployed in _COLOURS else one.text}"
        )
    for remedy in dict.fromkeys(one.remedy for one in parts if one.remedy):
        console.out(f"  {remedy}")


def _instances(project: Project, target: Target, rows: Sequence[Row]) -> Iterator[Part]:
    deployments = config.read(project) if project.read(config.FILE) is not None else []
    away = _away(target) if deployments else None
    states: dict[str, State] = {}
    if away is None:
        place = deploying.Place(project.root, target.own, target.name, tools.has_devspace(), 0)
        for one, step in zip(deployments, deploying.deploy_steps(deployments, place), strict=True):
            state = _asked(step)
            # What goes to the cluster only where it is named is not a fault where it is not there.
            if one.by_default or state.verb not in ("create", "blocked") or _is_there(place, one):
                states[one.name] = state
    owners = config.owners(project)
    for row in rows:
        own = [one for one in deployments if owners.get(one.name) == row["instance"]]
        yield _instance(
            target, row, away, own, {one.name: states[one.name] for one in own if one.name in states}
        )


def _is_there(place: deploying.Place, deployment: Deployment) -> bool:
    try:
        return bool(objects.there(place.root, place.kubectl(deployment), deployment))
    except MxError:
        return True  # then why it cannot be known is said


def _asked(step: Step) -> State:
    try:
        return step.look()
    except MxError as error:
        return State.of_error(error)


def _away(target: Target) -> Finding | None:
    """Why the cluster cannot be asked; None: it can."""
    found = next(guarded("cluster", "cluster", lambda: looks.cluster(target)))
    return None if found.state == "ok" else found


def _instance(
    target: Target, row: Row, away: Finding | None, own: Sequence[Deployment], states: Mapping[str, State]
) -> Part:
    rendered, edited = _rendered(row), _edited([row], "")
    if not own:
        return Part(row["instance"], rendered, edited, "nothing", _SAID["nothing"])
    if away is not None:
        return Part(row["instance"], rendered, edited, "unknown", away.text, away.remedy)
    words: dict[str, Word] = {name: _OF_VERB.get(state.verb, "unknown") for name, state in states.items()}
    bad: tuple[Word, ...] = ("unknown", "differs", "absent")
    worst = next((word for word in bad if word in words.values()), None)
    if worst is None:
        word: Word = "same" if words else "nothing"
        return Part(row["instance"], rendered, edited, word, _SAID[word])
    wrong = {name: state for name, state in states.items() if words[name] != "same"}
    text = "; ".join(f"{name}: {state.why or _SAID[words[name]]}" for name, state in wrong.items())
    deployable = [name for name in wrong if words[name] != "unknown"]
    remedies = [target.command(f"mx deploy {' '.join(deployable)}")] if deployable else []
    remedies += [state.remedy for state in wrong.values() if state.remedy]
    return Part(row["instance"], rendered, edited, worst, text, "\n  ".join(remedies))


def _terraform(project: Project, target: Target, rows: Sequence[Row]) -> Part:
    folder = f"{places.FOLDER}/"
    waiting = sorted({path for row in rows for path in row["update"] or () if path.startswith(folder)})
    rendered = f"{len(waiting)} waiting" if waiting else "up to date"
    if any(row["problem"] for row in rows):
        rendered = "cannot update"
    edited = _edited(rows, folder)
    try:
        plan = planning.look(Terraform(places.find(project.root, target.environment or None)))
    except MxError as error:
        text = error.message.partition("\n")[0]
        return Part("Terraform", rendered, edited, "unknown", text, error.hint or "")
    if plan is None:
        return Part("Terraform", rendered, edited, "same", _SAID["same"])
    return Part(
        "Terraform",
        rendered,
        edited,
        "differs",
        plan.summary(),
        f"`{target.command('mx infra plan')}` shows what differs.",
    )


def _rendered(row: Row) -> str:
    if row["problem"]:
        return "cannot update"
    return f"{len(row['update'])} waiting" if row["update"] else "up to date"


def _edited(rows: Sequence[Row], folder: str) -> int:
    """How many files and sections below `folder` a person changed, renamed or deleted."""
    told = {
        place
        for row in rows
        for what in ("edited", "missing", "renamed", "conflicted")
        for place in row[what]
    }
    return sum(place.startswith(folder) for place in told)


def _images(project: Project, target: Target) -> Part:
    name = "images"
    try:
        repository = git.find(project.root)
        commit = repository.commit() if repository else None
        changed = len(repository.changed()) if repository and commit else 0
        if away := _away(target):
            return Part(name, "-", changed, "unknown", away.text, away.remedy)
        pods = _running(project, target)
    except MxError as error:
        return Part(name, "-", 0, "unknown", error.message, error.hint or "")
    if commit is None:
        return Part(name, "-", 0, "nothing", "there is no commit to compare with")
    if not pods:
        return Part(name, "-", changed, "nothing", "no pod runs an image of a commit")
    others = {pod: tag for pod, (tag, _) in pods.items() if not commit.startswith(tag)}
    same = len(pods) - len(others)
    texts = [f"{same} pod{'s' * (same != 1)} of this commit ({commit[:8]})"] if same else []
    texts += [f"{pod} is of {tag[:8]}, not of {commit[:8]}" for pod, tag in others.items()]
    word: Word = "differs" if any(pods[pod][1] for pod in others) else "same"
    return Part(
        name, "-", changed, word, "; ".join(texts), target.command("mx deploy") if word == "differs" else ""
    )


def _running(project: Project, target: Target) -> dict[str, tuple[str, bool]]:
    """The running pods whose image is of a commit: that commit, and whether they run for good."""
    kubectl = Kubectl(target.own, target.name)
    found = {}
    for pod in objects.listed(project.root, kubectl, "pods", "--field-selector=status.phase=Running"):
        owners = [owner["kind"] for owner in pod["metadata"].get("ownerReferences") or []]
        for container in pod["spec"]["containers"]:
            image, _, tag = container["image"].partition("@")[0].rpartition(":")
            if _COMMIT.fullmatch(tag) and image.rpartition("/")[2] != BASE:
                found[pod["metadata"]["name"]] = (tag, any(owner in _FOR_GOOD for owner in owners))
    return found
