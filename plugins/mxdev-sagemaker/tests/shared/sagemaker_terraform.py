"""What the tests of mxdev-sagemaker's stacks share: rendered repositories, and Terraform with the real provider."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from mxdev.testing import mx, run

# On what an answer that is kept depends, beside what is rendered.
WITH = Path(__file__)
# Where real providers lie on a machine without a registry; the variable names another folder.
PROVIDERS = Path(os.environ.get("MX_TEST_TERRAFORM_PROVIDERS", "/opt/tf-plugins"))


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


def loaded(path: Path) -> ModuleType:
    """A rendered Python file as a module; what lies beside it can be imported, and is forgotten again.

    A function's own `gitlab.py` would hide the package of that name from every later test of the process.
    """
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    names = {beside.stem for beside in path.parent.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in names & sys.modules.keys()}
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
        for name in names & sys.modules.keys():
            del sys.modules[name]
        sys.modules.update(others)
    return module


def terraform(folder: Path, how: str = "-backend=false") -> dict[str, str]:
    """The environment for Terraform in `folder`, which it initialises with the real provider and the option `how`; skips the test where there is none."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    if not (PROVIDERS / "registry.terraform.io/hashicorp/aws").is_dir():
        pytest.skip(f"the AWS provider is not in {PROVIDERS} (MX_TEST_TERRAFORM_PROVIDERS names the mirror)")
    rc = folder / ".terraformrc"
    rc.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{PROVIDERS}"\n  }}\n}}\n')
    env = {"TF_CLI_CONFIG_FILE": str(rc), "NO_COLOR": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
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
