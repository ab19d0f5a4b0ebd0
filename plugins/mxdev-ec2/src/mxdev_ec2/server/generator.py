"""The Ec2ModelServer generator: what it asks and what it renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from mxdev import Generator, Tree, option
from mxdev.generator import Pattern

FOLDER = "infrastructure/ec2"
PIPELINE = f"{FOLDER}/gitlab-ci.yml"
# What user data installs on the instance, exactly; community.docker of this Ansible is 4.8.5.
ANSIBLE = "12.3.0"
AWS_CLI = "1.46.3"
BOTO3 = "1.44.8"

_SERVICE = Pattern(
    r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){2,23}",
    "3 to 24 lower-case letters, digits and single dashes, and begin with a letter",
    metavar="NAME",
)
_REGION = Pattern(r"[a-z]{2}(?:-[a-z]+){1,2}-[0-9]", "a region, such as eu-central-1", metavar="REGION")
_GITLAB_PROJECT = Pattern(
    r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)+)?",
    "the project's path on GitLab, such as acme/churn",
    metavar="GROUP/PROJECT",
)
_HOST = Pattern(
    r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+",
    "a host's name, such as churn.acme.example",
    metavar="HOST",
)
_URL = Pattern(r"https://[A-Za-z0-9][A-Za-z0-9.-]*", "https:// and the name of the server", metavar="URL")
_BRANCH = Pattern(r"[A-Za-z0-9][A-Za-z0-9._/-]*", "a branch's name", metavar="BRANCH")
_PATH = Pattern(r"/[A-Za-z0-9._/-]*", "a path that begins with /", metavar="PATH")
_FILE = Pattern(r"[A-Za-z0-9_][A-Za-z0-9._/-]*", "a path below the folder", metavar="FILE")
_BUCKET = Pattern(r"(?:[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?", "the name of an S3 bucket", metavar="BUCKET")
_STAGE = Pattern(r"\.?[A-Za-z0-9][A-Za-z0-9_-]*", "a stage of the pipeline, such as deploy", metavar="STAGE")
_TYPE = Pattern(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "a type of instance, such as t3.small", metavar="TYPE")


class Ec2ModelServer(Generator):
    """Serve one model on EC2, deployed by GitLab without SSH."""

    scope = "anywhere"
    options = (
        option("--service", type=_SERVICE, default="model-server",
               help="What the instance, the registry and the rest are called.", ask=True, prompt="Name of the server"),
        option("--aws-region", type=_REGION, default="eu-central-1", help="The AWS region.", ask=True),
        option("--hostname", type=_HOST, default="model.example.com", help="The name that clients use, by HTTPS.", ask=True),
        option("--gitlab-project", type=_GITLAB_PROJECT, default="",
               help="The project on GitLab that may deploy; empty: Terraform asks for it."),
        option("--gitlab-url", type=_URL, default="https://gitlab.com", help="The GitLab server."),
        option("--branch", type=_BRANCH, default="main", help="The branch that is deployed.", found="git-branch"),
        option("--auth", type=click.Choice(["oidc", "user"]), default="oidc",
               help="How the pipeline logs in: by OIDC, bound to the project and the branch; or as a user with a long-lived key, "
               "for a GitLab that AWS cannot reach."),
        option("--https", type=click.Choice(["caddy", "load-balancer"]), default="caddy",
               help="What ends HTTPS: Caddy on the instance, or a load balancer, which costs more and renews by itself."),
        option("--port", type=click.IntRange(1024, 65535), default=8080, help="The port that the container listens on."),
        option("--health-path", type=_PATH, default="/health", help="What answers 200 when the server is healthy."),
        option("--instance-type", type=_TYPE, default="t3.small", help="The type of the instance (x86-64)."),
        option("--dockerfile", type=_FILE, default="Dockerfile", help="What the image is built from."),
        option("--weights-bucket", type=_BUCKET, default="",
               help="The S3 bucket with the weights that the pipeline's variable WEIGHTS names: they are put into the image, at /mnt/models. "
               "Empty: the image has what it needs."),
        option("--build-stage", type=_STAGE, default="build", help="The pipeline's stage in which the image is built."),
        option("--deploy-stage", type=_STAGE, default="deploy", help="The pipeline's stage in which it is deployed, and rolled back."),
    )  # fmt: skip
    example = "mx generate Ec2ModelServer --gitlab-project acme/churn --hostname churn.acme.example"

    def variables(self) -> dict[str, Any]:
        """The options, and what is pinned."""
        return {**super().variables(), "ansible": ANSIBLE, "aws_cli": AWS_CLI, "boto3": BOTO3}

    def generate(self, tree: Tree) -> None:
        """Render Terraform, the playbook, the program that deploys, and an include of the jobs in .gitlab-ci.yml."""
        tree.render("templates")
        program = Path(__file__).parent.parent / "program.py"
        tree.file(f"{FOLDER}/ec2.py", program.read_bytes(), executable=True)
        tree.section(".gitlab-ci.yml", f"include[local={PIPELINE}]", {"local": PIPELINE})
        self._next_steps(tree)

    def _next_steps(self, tree: Tree) -> None:
        values = self.values
        terraform = f"terraform -chdir={FOLDER}/terraform"
        tree.next_step(f"{terraform} init", "after `backend.tf` names a bucket of yours for the state")
        tree.next_step(f"{terraform} apply", "makes the instance, which costs money, and the rest")
        settings = "Settings > CI/CD > Variables"
        if values.auth == "oidc":
            tree.next_step(
                f"{terraform} output -raw deploy_role",
                f"put it into the variable EC2_ROLE_ARN in {settings}; it is no secret",
            )
        else:
            tree.next_step(
                f"aws iam create-access-key --user-name {values.service}-deploy",
                f"put both values into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in {settings}, masked and protected; "
                "replace the key every 90 days",
            )
        tree.next_step(
            f"{terraform} output -raw address",
            f"make a DNS record of it for {values.hostname}; then push to {values.branch}",
        )
