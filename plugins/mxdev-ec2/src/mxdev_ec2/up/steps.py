"""The steps: a login, what the .tf files say, and the release of the commit that is checked out."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import Check, State, Step
from mxdev.errors import MxError

from mxdev_ec2 import program
from mxdev_ec2.up.terraform import Terraform

FOLDER = "infrastructure/ec2"
# What holds data or history stays when the rest is taken down.
KEPT = ("aws_ecr_repository.", "aws_ecr_lifecycle_policy.", "aws_s3_bucket", "aws_cloudwatch_log_group.")
_BILLS = {
    "aws_instance": "the instance, by the hour, and its disk",
    "aws_lb": "the load balancer, by the hour",
    "aws_eip": "the public address, by the hour",
}


def steps(root: Path) -> list[Step]:
    """All of them, in order, for the server in the project `root`."""
    folder = root / FOLDER
    return [
        Login(name="ec2-login", title="Login to AWS", folder=folder),
        Init(name="ec2-init", title="Terraform's providers", needs=("ec2-login",), folder=folder),
        Infrastructure(name="ec2-infrastructure", title="What infrastructure/ec2/terraform says", needs=("ec2-init",), folder=folder,
                       permissions=("AWS: EC2, VPC, IAM, ECR, S3, CloudWatch, SSM parameters",)),
        Release(name="ec2-release", title="A release on the instance", needs=("ec2-infrastructure",), folder=folder,
                permissions=("AWS: what the role of the deploy may do",)),
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _OfServer(Step):
    folder: Path

    @property
    def terraform(self) -> Terraform:
        """Terraform, in its folder."""
        return Terraform(self.folder / "terraform")

    @property
    def world(self) -> program.World:
        """AWS.

        Raises:
            MxError: boto3 or the settings are missing.
        """
        try:
            return program.aws(program.read_settings(self.folder))
        except program.DeployError as error:
            raise MxError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class Login(_OfServer, Check):
    """AWS knows who asks."""

    def look(self) -> State:
        """Who it is."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return State.done(str(self.world.client("sts").get_caller_identity()["Arn"]))
        except (BotoCoreError, ClientError) as error:
            return State.blocked(
                f"AWS does not know who asks: {error}", "Log in: `aws sso login`, or set AWS_PROFILE."
            )


@dataclass(frozen=True, kw_only=True)
class Init(_OfServer):
    """Terraform has its providers."""

    def look(self) -> State:
        """Whether they are there."""
        return State.done() if self.terraform.ready else State.create("terraform init")

    def do(self, say: Any) -> None:
        """Fetch them."""
        self.terraform.init()


@dataclass(frozen=True, kw_only=True)
class Infrastructure(_OfServer):
    """AWS has what the .tf files say."""

    @property
    def _plan(self) -> Path:
        # Git ignores that folder: a plan holds what the state holds.
        return self.folder / "terraform/.terraform/mx-up.tfplan"

    def look(self) -> State:
        """What Terraform plans; the plan is kept, so that what was shown is what is applied."""
        changes = self.terraform.plan(self._plan)
        if not changes:
            self._plan.unlink(missing_ok=True)
        return _state(changes)

    def do(self, say: Any) -> None:
        """Apply the plan that was shown; Terraform refuses it if the world has changed since."""
        if not self._plan.is_file():
            self.terraform.plan(self._plan)
        try:
            self.terraform.apply(self._plan, say)
        finally:
            self._plan.unlink(missing_ok=True)

    def look_back(self) -> State:
        """What goes: all but the registry, the bucket and the logs."""
        if not self.terraform.ready:
            return State.blocked(
                "Terraform has no providers here", "`mx up` fetches them, and shows what there is."
            )
        going, staying = self._parts()
        if not going:
            return State.done("nothing of it is there")
        details = (f"these stay, with what is in them: {', '.join(staying)}",) if staying else ()
        return State.remove(
            f"{len(going)} resources", destroys=("the instance with its disk, and the public address",), details=details
        )  # fmt: skip

    def take_back(self, say: Any) -> None:
        """Destroy them."""
        going, _ = self._parts()
        self.terraform.plan(self._plan, "-destroy", *(f"-target={address}" for address in going))
        self.do(say)

    def _parts(self) -> tuple[list[str], list[str]]:
        there = self.terraform.state()
        return [one for one in there if not one.startswith(KEPT)], [
            one for one in there if one.startswith(KEPT)
        ]


def _state(changes: list[dict[str, Any]]) -> State:
    if not changes:
        return State.done("as they say")
    made = [one for one in changes if one["change"]["actions"] == ["create"]]
    gone = [one for one in changes if "delete" in one["change"]["actions"]]
    bills = tuple(text for kind, text in _BILLS.items() if any(one["type"] == kind for one in made))
    words = f"{len(made)} to create, {len(changes) - len(made) - len(gone)} to change, {len(gone)} to destroy or replace"
    details = tuple(f"{'/'.join(one['change']['actions'])} {one['address']}" for one in changes)
    if len(made) == len(changes):
        return State.create(words, bills=bills, details=details)
    return State.change(words, bills=bills, destroys=tuple(one["address"] for one in gone), details=details)


@dataclass(frozen=True, kw_only=True)
class Release(_OfServer):
    """The image of the commit that is checked out runs; while it has none, whatever ran before does."""

    def look(self) -> State:
        """What runs, and whether the registry has what should."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return self._look()
        except program.DeployError as error:
            return State.blocked(str(error))
        except (BotoCoreError, ClientError) as error:
            return State.blocked(f"AWS refused or could not be reached: {error}")

    def _look(self) -> State:
        world, commit = self.world, self._commit()
        target = program.instance(world)
        newest = next(iter(program.running(world, target)), "")
        if commit and newest == commit:
            return State.done(f"{commit[:8]} runs: {world.settings.url}")
        if commit and program.has_image(world, commit):
            return State.change(f"from {newest[:8]} to {commit[:8]}") if newest else State.create(commit[:8])
        if newest:
            return State.done(f"{newest[:8]} runs: {world.settings.url}; this commit has no image yet")
        role = " Its variable EC2_ROLE_ARN is `terraform output -raw deploy_role`." if self._by_role else ""
        return State.blocked(
            "the registry has no image of this commit", f"Push it: GitLab's pipeline builds and deploys it.{role}"
        )  # fmt: skip

    def do(self, say: Any) -> None:
        """Deploy it, and wait until it is healthy.

        Raises:
            MxError: the deploy did not end well.
        """
        from dataclasses import replace

        from botocore.exceptions import BotoCoreError, ClientError

        try:
            program.deploy(replace(self.world, say=say), self._commit())
        except program.DeployError as error:
            raise MxError(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise MxError(f"AWS refused or could not be reached: {error}") from error

    @property
    def _by_role(self) -> bool:
        return 'output "deploy_role"' in (self.folder / "terraform/gitlab.tf").read_text("utf-8")

    def _commit(self) -> str:
        """The commit that is checked out; empty where there is none."""
        try:
            done = subprocess.run(
                ["git", "rev-parse", "--verify", "--quiet", "HEAD"],
                cwd=self.folder, capture_output=True, text=True, timeout=30, check=False,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return ""
        return done.stdout.strip() if done.returncode == 0 else ""
