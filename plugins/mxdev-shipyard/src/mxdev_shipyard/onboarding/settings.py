"""What is the same for all models: where things are, and who may bring which. It stands in `shipyard.yaml`."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mxdev.errors import UsageProblem

from mxdev_shipyard.onboarding import services
from mxdev_shipyard.onboarding.services import Service

FILE = "shipyard.yaml"
_TEXTS = ("region", "bucket", "registry", "gitlab", "group", "pipelines")
# The names of the steps that every model has.
STEPS = ("policy", "registry", "models", "data", "project", "seed")


@dataclass(frozen=True)
class Settings:
    """The settings of a platform.

    Attributes:
        region: AWS's region.
        bucket: the S3 bucket of weights and data.
        registry: ECR's host.
        gitlab: GitLab's address.
        group: its group of model projects.
        pipelines: the project with the central pipelines.
        environments: for each environment the address of its repository of manifests.
        domain: the domain below which models are served; empty: that of the generator.
        policy: who may onboard which: patterns of slugs, by pattern of e-mail address. Empty: nobody.
        services: what else a model gets.
    """

    region: str
    bucket: str
    registry: str
    gitlab: str
    group: str
    pipelines: str
    environments: Mapping[str, str] = field(default_factory=dict)
    domain: str = ""
    policy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    services: tuple[Service, ...] = ()

    def allows(self, email: str, slug: str) -> bool:
        """Whether this person may onboard this model."""
        return any(
            fnmatch.fnmatchcase(email, who) and any(fnmatch.fnmatchcase(slug, what) for what in slugs)
            for who, slugs in self.policy.items()
        )


def read(path: Path) -> Settings:
    """Read `shipyard.yaml`.

    Raises:
        UsageProblem: it is not there, or not as it should be.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}", hint="Name another by --settings.") from error
    given: dict[str, Any] = data if isinstance(data, dict) else {}
    missing = [name for name in _TEXTS if not isinstance(given.get(name), str) or not given[name]]
    environments, policy = given.get("environments"), given.get("policy")
    if not _is_texts(environments):
        missing.append("environments (the address of a manifest repository for each)")
    right = isinstance(policy, dict) and all(
        isinstance(slugs, list) and all(isinstance(slug, str) for slug in slugs) for slugs in policy.values()
    )
    if not right:
        missing.append("policy (a list of slugs for each e-mail address; `*` stands for any)")
    if missing:
        raise UsageProblem(f"{path} does not have {', '.join(missing)}.")
    assert isinstance(environments, dict)
    assert isinstance(policy, dict)
    taken = frozenset((*STEPS, *(f"manifest-{one}" for one in environments)))
    found, wrong = services.parse(given.get("services"), path.resolve().parent, taken)
    if wrong:
        raise UsageProblem(f"{path}: {'; '.join(wrong)}.")
    return Settings(
        **{name: given[name] for name in _TEXTS},
        environments=environments,
        domain=str(given.get("domain") or ""),
        policy={str(who): tuple(slugs) for who, slugs in policy.items()},
        services=found,
    )


def _is_texts(value: object) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(one, str) for pair in value.items() for one in pair)
    )
