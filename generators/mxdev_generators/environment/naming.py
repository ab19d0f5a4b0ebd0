"""The names of what an environment has of its own, and how they stand for those of the project's first one."""

from __future__ import annotations

from dataclasses import dataclass

from mxdev.generator import Values
from mxdev_generators.project.naming import ACCOUNTS, account_id, bucket_prefix

# Beside those of the skeleton: what continuous integration acts as.
ROLES = (*ACCOUNTS, "build", "github", "gitlab")
_BUCKETS = ("artifacts", "backups", "data", "docs")


@dataclass(frozen=True)
class Names:
    """What is named differently in each environment.

    Attributes:
        name: the namespace, the cluster, and what Terraform names after it.
        project_id: the Google Cloud project; empty without one.
        region: its region.
        bucket_prefix: what the names of buckets begin with.
        domain: what its services have names below; empty: the project has no domain.
        store: where artifacts go on a cluster of one's own; empty: in a volume.
    """

    name: str
    project_id: str = ""
    region: str = ""
    bucket_prefix: str = ""
    domain: str = ""
    store: str = ""


def namespace(project: str, environment: str) -> str:
    """What an environment is called in the cluster and the cloud."""
    return f"{project}-{environment}"


def first(project: Values) -> Names:
    """The names that the project has without any environment."""
    return Names(
        project.name, project.project_id, project.region, bucket_prefix(project.project_id, project.name),
        _domain(project.name, project), project.artifact_store,
    )  # fmt: skip


def own(project: Values, environment: Values) -> Names:
    """The names that an environment has."""
    name = namespace(project.name, environment.name)
    project_id = environment.cloud_project or project.project_id
    store = f"{project.artifact_store}/{environment.name}" if project.artifact_store else ""
    return Names(
        name, project_id, project.region, bucket_prefix(project_id, name), _domain(name, project), store
    )  # fmt: skip


def replacements(old: Names, new: Names) -> dict[str, str]:
    """What stands in manifests for the first environment, and what it becomes in another, sorted."""
    # A class of volumes belongs to no namespace, so one environment's purge would take the other's.
    pairs = {f"{old.name}-retain": f"{new.name}-retain", f"{old.name}-edge": f"{new.name}-edge"}
    if old.domain:
        pairs |= {old.domain: new.domain, f".{old.domain}": f".{new.domain}"}
    if old.store:
        pairs[old.store] = new.store
    if old.project_id:
        pairs |= {_email(old, role): _email(new, role) for role in ROLES}
        pairs[_user(old)] = _user(new)
        pairs |= {f"{old.bucket_prefix}-{name}": f"{new.bucket_prefix}-{name}" for name in _BUCKETS}
        pairs[_database(old)] = _database(new)
    return dict(sorted(pairs.items()))


def _domain(name: str, project: Values) -> str:
    """The part of the company's domain that is this place's, such as `churn-staging.ml.example.com`."""
    return f"{name}.{project.domain}" if project.domain else ""


def _email(names: Names, role: str) -> str:
    return f"{account_id(names.name, role)}@{names.project_id}.iam.gserviceaccount.com"


def _database(names: Names) -> str:
    """What Cloud SQL's proxy calls the instance."""
    return f"{names.project_id}:{names.region}:{names.name}"


def _user(names: Names) -> str:
    """MLflow's user in Cloud SQL, as a URI has it."""
    return f"{account_id(names.name, 'mlflow')}%40{names.project_id}.iam"
