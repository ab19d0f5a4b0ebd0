"""What the tests of mxdev-sagemaker's stacks share: rendered repositories, and Terraform with the real provider."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from mxdev.testing import mx, run, terraform_settings

# On what an answer that is kept depends, beside what is rendered.
WITH = Path(__file__)


def generated(folder: Path, generator: str, name: str, *options: str) -> Path:
    """The repository that a generator makes in `folder`."""
    done = mx("generate", generator, name, "--no-input", "--skip-git", *options, cwd=folder)
    assert done.code == 0, done.stdout + done.stderr
    return folder / name


def zipped(repository: Path) -> None:
    """Zip the Lambda functions of a repository, as its pipeline does."""
    run(sys.executable, "lambdas/build.py", cwd=repository)


def checked_stack(repository: Path) -> str:
    """What `terraform test` says of the stack of a repository, after fmt and validate."""
    run("terraform", "fmt", "-check", "-diff", "-recursive", cwd=repository)
    with tempfile.TemporaryDirectory() as copy:  # Terraform leaves files beside those that it reads
        folder = Path(shutil.copytree(repository, copy, dirs_exist_ok=True)) / "terraform"
        env = terraform(folder)
        run("terraform", "validate", cwd=folder, env=env)
        return run("terraform", "test", cwd=folder, env=env).stdout


def own_tests(repository: Path) -> str:
    """What pytest says of the functions of a repository."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "lambdas/tests"]
    return run(*command, cwd=repository).stdout


def terraform(folder: Path, how: str = "-backend=false") -> dict[str, str]:
    """The environment for Terraform in `folder`, which it initialises with the real provider and the option `how`; skips the test where there is none."""
    env = terraform_settings(folder)
    if not (folder / ".terraform").is_dir():
        run("terraform", "init", how, cwd=folder, env=env)
    return env


# What the stacks speak with.
SERVICES = (
    "acm", "applicationautoscaling", "cloudwatch", "cloudwatchlogs", "ec2", "ecr", "ecs", "elbv2", "events", "iam",
    "lambda", "route53", "s3", "sagemaker", "scheduler", "secretsmanager", "sns", "sqs", "ssm", "sts",
)  # fmt: skip


def against(folder: Path, url: str, region: str = "eu-central-1") -> dict[str, str]:
    """The environment in which Terraform applies `folder` to the AWS at `url`, with its state beside it."""
    endpoints = "\n".join(f'    {service} = "{url}"' for service in SERVICES)
    (folder / "moto_override.tf").write_text(
        f"""terraform {{
  backend "local" {{}}
}}

provider "aws" {{
  region                      = "{region}"
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true

  endpoints {{
{endpoints}
  }}
}}
"""
    )
    return terraform(folder, "-reconfigure")
