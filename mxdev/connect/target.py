"""What a project is connected to, by what it says itself, and the names of its own that a connection gets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mxdev.errors import MxError
from mxdev.project import environments, tfvars
from mxdev.project.project import Project


@dataclass(frozen=True)
class Target:
    """Where a project runs.

    Attributes:
        name: the project's name, which is that of its cluster and of its namespace.
        cloud: "gcp" or "existing".
        project_id: the Google Cloud project; empty without one.
        region: its region.
        location: the zone or the region of its cluster.
        environment: which of the project's environments it is; empty: the first, which `-E` does not name.
    """

    name: str
    cloud: str
    project_id: str = ""
    region: str = ""
    location: str = ""
    environment: str = ""

    @property
    def own(self) -> str:
        """What its gcloud configuration and its context are called."""
        return f"mx-{self.name}"

    def command(self, words: str) -> str:
        """A command of mx such as `mx connect`, for this environment."""
        return environments.command(words, self.environment or None)


def of(project: Project, environment: str | None = None) -> Target:
    """Where `project` runs: by its options, and by what Terraform is told, which a person may have changed.

    Args:
        project: the project.
        environment: one of its environments; None: what it runs in without any.

    Raises:
        Refused: there is no such environment.
        MxError: the project does not say its name, or its Google Cloud project.
    """
    options = project.options
    name = str(options.get("name") or "")
    cloud = str(options.get("cloud") or "existing")
    if not name:
        raise MxError(
            "mx.yaml has no `name`, so nothing can be named after the project.",
            hint="`mx set name=NAME` sets it, in a project that a skeleton has made.",
        )
    own = environments.find(project, environment) if environment is not None else None
    if cloud != "gcp":
        return Target(own.namespace if own else name, cloud, environment=environment or "")
    told = tfvars.told(project.root, own.name if own else None)
    project_id = tfvars.text(told, "project_id") or str(options.get("project-id") or "")
    region = tfvars.text(told, "region") or str(options.get("region") or "")
    if not project_id or not region:
        raise MxError(
            f"Neither {tfvars.FOLDER}/terraform.tfvars nor mx.yaml says the Google Cloud project and the region.",
            hint="`mx set project-id=ID region=REGION` sets them.",
        )
    # An empty zone is a regional cluster.
    zone = tfvars.text(told, "zone")
    zone = str(options.get("zone") or "") if zone is None else zone
    location = region if zone in ("", "auto") else zone
    called = own.namespace if own else tfvars.text(told, "name") or name
    return Target(called, cloud, project_id, region, location, environment or "")


def load(root: Path, environment: str | None = None) -> Target:
    """Where the project in `root` runs; raises as `of` does."""
    return of(Project.load(root), environment)


def namespace(root: Path, given: str | None, environment: str | None) -> str | None:
    """The namespace of an environment, unless another one is `given`; without an environment what is given.

    Raises:
        Refused: there is no such environment.
        MxError: the project does not say where it runs.
    """
    return given if given or environment is None else load(root, environment).name


def context(root: Path, given: str | None, environment: str | None = None) -> str | None:
    """The context of the project's cluster: `given`, else the one that `mx connect` made; None: kubectl's current one.

    Nobody's current context is changed by `mx connect`, so it may be that of another project. For one of the project's
    environments it is never the current one, which may be that of another.

    Raises:
        Refused: there is no such environment.
        MxError: the kubeconfig is none, or has no context for the environment.
    """
    from mxdev.connect import kubeconfig

    if environment is not None:
        where = load(root, environment)
        if not given and kubeconfig.context(where.own) is None:
            raise MxError(
                f"the kubeconfig has no context {where.own}, which is the environment {environment}'s.",
                hint=f"`{where.command('mx connect')}` makes it; or name another one with --context.",
            )
        return given or where.own
    if given:
        return given
    try:
        own = load(root).own
    except MxError:  # a project that does not say where it runs was not connected either
        return None
    return own if kubeconfig.context(own) is not None else None
