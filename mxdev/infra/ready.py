"""What must be there before Terraform can plan: Google's services, the bucket of its state, its own initialization; as steps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from mxdev.errors import MxError, Refused
from mxdev.infra.failures import TerraformFailed
from mxdev.infra.place import Place
from mxdev.infra.terraform import Terraform
from mxdev.steps import Say, State, Step
from mxdev.system import gcloud
from mxdev.system.files import plain

_SERVICE = re.compile(r'"([a-z]+\.googleapis\.com)"')
# Google takes so many at a time.
_AT_ONCE = 20
# gcloud waits for services to be on, which takes minutes.
_LONGEST = 600.0


def steps(place: Place) -> list[Step]:
    """The steps, in order. Without a bucket in backend.tf there is only Terraform's initialization.

    Raises:
        Refused: an environment has no state of its own.
        MxError: backend.tf names a bucket, and terraform.tfvars no project or region to make it in.
    """
    bucket = _bucket(place)
    if bucket is None and place.environment:
        raise Refused(
            f'No .tf file has a backend "gcs", so the environment {place.environment} would share a state with the others.',
            hint=f"`mx update` renders {place.shown('backend.tf')} again.",
        )
    made: list[Step] = []
    if bucket is not None:
        project, region = place.setting("project_id"), place.setting("region")
        # One bucket has the states of all environments, whichever cloud project they are in.
        home = replace(place, environment=None)
        owner, at = home.setting("project_id") or project, home.setting("region") or region
        if project is None or region is None:
            raise MxError(
                f'There is no line `{"project_id" if project is None else "region"} = "..."` in {place.shown("terraform.tfvars")}.',
                hint="`mx update` renders it again.",
            )
        made = [
            Services(
                name="services", title="Google's services", permissions=("serviceusage.services.enable",),
                place=place, project=project,
            ),
            StateBucket(
                name="state-bucket", title="Bucket of Terraform's state", needs=("services",), early=True,
                permissions=("storage.buckets.create",),
                bills=(f"gs://{bucket}: GB-months of Terraform's state, which is small",),
                bucket=bucket, project=owner or project, region=at or region,
            ),
        ]  # fmt: skip
    needs = tuple(step.name for step in made)
    return [*made, Initialized(name="init", title="Terraform's initialization", needs=needs, place=place)]


def _bucket(place: Place) -> str | None:
    text = "\n".join(_code(place))
    if not re.search(r'^\s*backend\s+"gcs"', text, re.MULTILINE):
        return None
    found = re.search(
        r'backend\s+"gcs"\s*\{[^}]*?^\s*bucket\s*=\s*"([^"\n]+)"', text, re.MULTILINE | re.DOTALL
    )
    return found[1] if found else None


def _code(place: Place) -> Iterable[str]:
    """The lines of all .tf files but comments."""
    for path in sorted(place.folder.glob("*.tf")):
        for line in plain.read(path).decode("utf-8", "replace").splitlines():
            if not line.lstrip().startswith(("#", "//")):
                yield line


@dataclass(frozen=True, kw_only=True)
class Services(Step):
    """The Google services that the .tf files name are switched on: one that was switched on a moment ago still refuses."""

    place: Place
    project: str

    def look(self) -> State:
        """Which of them are off."""
        off = self._off()
        return State.create(f"to be switched on: {', '.join(off)}") if off else State.done("all are on")

    def do(self, say: Say) -> None:
        """Switch on what is off."""
        off = self._off()
        for at in range(0, len(off), _AT_ONCE):
            say(f"switching on {', '.join(off[at : at + _AT_ONCE])}; it takes a minute or two")
            gcloud.in_project(self.project, "services", "enable", *off[at : at + _AT_ONCE], timeout=_LONGEST)

    def _off(self) -> list[str]:
        needed = {name for line in _code(self.place) for name in _SERVICE.findall(line)}
        said = gcloud.in_project(
            self.project, "services", "list", "--enabled", "--format", "value(config.name)"
        )
        return sorted(needed - set(said.split()))


@dataclass(frozen=True, kw_only=True)
class StateBucket(Step):
    """The bucket of the state: versioned, access by roles only, never public, and of this cloud project."""

    bucket: str
    project: str
    region: str

    def look(self) -> State:
        """Whether it is there, ours, and locked down."""
        found = self._describe()
        if found is None:
            return State.create(f"gs://{self.bucket} in {self.region}")
        described = ("projects", "describe", self.project, "--format", "value(projectNumber)")
        number = gcloud.in_project(self.project, *described).strip()
        owner = str(found.get("projectNumber", ""))
        if owner != number:
            return State.blocked(
                f"gs://{self.bucket} belongs to another cloud project (number {owner}), and state holds secrets.",
                "Choose another name in infrastructure/terraform/backend.tf.",
            )
        wrong = _wrong(found)
        return (
            State.change(f"gs://{self.bucket}: {', '.join(wrong)}")
            if wrong
            else State.done(f"gs://{self.bucket}")
        )

    def do(self, say: Say) -> None:
        """Make it, or set what is not as it should be."""
        locked = ("--uniform-bucket-level-access", "--public-access-prevention")
        name = f"gs://{self.bucket}"
        if self._describe() is None:
            say(f"making {name}")
            gcloud.in_project(
                self.project, "storage", "buckets", "create", name, "--location", self.region, *locked
            )
        gcloud.in_project(self.project, "storage", "buckets", "update", name, "--versioning", *locked)

    def _describe(self) -> dict[str, Any] | None:
        words = ("storage", "buckets", "describe", f"gs://{self.bucket}", "--raw")
        try:
            found = gcloud.as_json(*words, "--format=json", "--project", self.project, project=self.project)
        except gcloud.GcloudError as error:
            if error.missing:
                return None
            raise
        if not isinstance(found, dict):
            raise MxError("`gcloud storage buckets describe` printed JSON that is not an object.")
        return found


def _wrong(bucket: dict[str, Any]) -> list[str]:
    access = bucket.get("iamConfiguration") or {}
    rules = {
        "old versions of the state are not kept": (bucket.get("versioning") or {}).get("enabled") is True,
        "single objects can have rights of their own": (access.get("uniformBucketLevelAccess") or {}).get("enabled") is True,
        "it can be made public": access.get("publicAccessPrevention") == "enforced",
    }  # fmt: skip
    return [what for what, right in rules.items() if not right]


@dataclass(frozen=True, kw_only=True)
class Initialized(Step):
    """`terraform init`: the providers are here, and the state is where backend.tf says."""

    place: Place

    def look(self) -> State:
        """Ask Terraform to read the configuration, which needs the providers, and the outputs, which are in the state."""
        terraform = Terraform(self.place)
        try:
            terraform.read("output", json=True)
        except TerraformFailed as problem:
            if problem.kind in ("not-initialized", "no-bucket"):
                return State.create("terraform init")
            raise
        try:
            terraform.read("validate")
        except TerraformFailed as problem:
            if problem.kind == "not-initialized":
                return State.create("terraform init")
            # What else is wrong with the configuration, planning says.
        return State.done("providers are here, the state is reached")

    def do(self, say: Say) -> None:
        """Run it. Where the backend is another one than before, the state stays with the old one and a person decides."""
        say("terraform init")
        # backend.tf says where the state of the first environment is; the others lie below it.
        prefix = f"{self.place.written('prefix', 'backend.tf') or ''}/{self.place.environment}".lstrip("/")
        config = [f"prefix={prefix}"] if self.place.environment else []
        Terraform(self.place).work("init", say=say, backend_config=config)
