"""What both repositories ask: where the platform's things are."""

from __future__ import annotations

from mxdev import argument, option
from mxdev.generator import Pattern

from mxdev_shipyard.model_project.naming import BUCKET, PIPELINES, REGISTRY, URL

NAME = argument(
    "NAME",
    type=Pattern(
        r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){1,39}",
        "2 to 40 lower-case letters, digits and single dashes",
        metavar="NAME",
    ),
    help="The repository's folder.",
    shared=True,
)
ROLE = Pattern(r"arn:aws:iam::\d{12}:role/[A-Za-z0-9+=,.@_/-]+", "the ARN of a role", metavar="ARN")
_REGION = Pattern(r"[a-z]{2}(?:-[a-z]+)+-\d", "a region of AWS", metavar="REGION")
PLATFORM = (
    option("--region", type=_REGION, default="eu-west-1", help="AWS's region."),
    option("--registry", type=REGISTRY, default="123456789012.dkr.ecr.eu-west-1.amazonaws.com", help="The ECR registry of images."),
    option("--role", type=ROLE, default="arn:aws:iam::123456789012:role/shipyard", help="The role of AWS that the pipeline takes, by its identity token."),
    option("--bucket", type=BUCKET, default="shipyard-models", help="The S3 bucket of weights and data."),
    option("--gitlab", type=URL, default="https://gitlab.example.com", help="GitLab's address."),
    option("--group", type=PIPELINES, default="shipyard/models", help="GitLab's group of model projects."),
    option("--pipelines", type=PIPELINES, default="shipyard/pipelines", help="The project of GitLab that has the central pipelines."),
    option("--manifests", type=PIPELINES, default="shipyard/manifests", help="The group of the repositories of manifests, one for each environment."),
    option("--domain", type=REGISTRY, default="models.example.com", help="The domain below which models are served, as MODEL.ENVIRONMENT.DOMAIN."),
    option("--skip-git", is_flag=True, help="Do not run `git init` where there is no repository."),
)  # fmt: skip
# What pipelines install: of one release, because their jobs have tokens.
PACKAGE = "mxdev-shipyard==0.1.0"
ENVIRONMENTS = ("staging", "production")
