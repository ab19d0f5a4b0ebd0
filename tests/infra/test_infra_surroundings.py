"""What the shell around Terraform, a person's hand or a second mx could lead astray, on the real Terraform."""

from __future__ import annotations

import functools
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mxdev.disk.locks import lock
from mxdev.infra import place, surroundings
from mxdev.infra.plans import saved

pytestmark = [pytest.mark.noted(), pytest.mark.usefixtures("terraform")]


@pytest.fixture
def planned(mx: Any, churn: Path) -> Path:
    assert mx("infra", "init", "--yes", cwd=churn).code == 0
    assert mx("infra", "plan", cwd=churn).code == 0
    return churn


def test_another_workspace_is_not_taken_for_the_project(
    mx: Any, planned: Path, folder: Path, terraform: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mx("infra", "apply", cwd=planned).code == 0
    subprocess.run([terraform, "workspace", "new", "try"], cwd=folder, check=True, capture_output=True)
    destroyed = mx("infra", "destroy", "--confirm", "churn", cwd=planned)
    assert destroyed.code == 1, "it would say that there is nothing to take down"
    assert "Terraform's workspace is try (`terraform workspace select` chose it)" in destroyed.err
    assert mx("infra", "plan", cwd=planned).code == 1, "it would make everything a second time"
    way = "terraform workspace select default"
    assert f"In infrastructure/terraform: `{way}`" in destroyed.err
    subprocess.run(shlex.split(way), cwd=folder, check=True, capture_output=True)
    assert mx("infra", "plan", "--json", cwd=planned).json["outcome"] == "nothing"

    monkeypatch.setenv("TF_WORKSPACE", "try")
    told = mx("infra", "output", cwd=planned)
    assert (told.code, "`unset TF_WORKSPACE`" in told.err) == (1, True), told.err
    monkeypatch.setenv("TF_WORKSPACE", "default")
    assert mx("infra", "output", "size", cwd=planned).out == "1\n"


def test_the_workspace_of_a_platform_is_the_projects_own(
    churn: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_WORKSPACE", "churn")
    (folder / "backend.tf").write_text('terraform {\n  cloud {\n    organization = "acme"\n  }\n}\n')
    surroundings.refuse_another_workspace(place.find(churn))


def test_arguments_for_a_shells_own_terraform_are_not_heeded_and_that_is_said(
    mx: Any, planned: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    surroundings._tell.cache_clear()
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-detailed-exitcode")  # exit code 2 where something changes
    monkeypatch.setenv("TF_CLI_ARGS_output", "-raw")  # not with -json
    result = mx("infra", "plan", cwd=planned)
    assert (result.code, "2 to create" in result.out) == (0, True), result.err
    assert result.err.count("TF_CLI_ARGS_output, TF_CLI_ARGS_plan in the environment are not heeded") == 1
    assert "settings of the backend into backend.tf; other arguments cannot be given" in result.err
    assert mx("infra", "output", cwd=planned).code == 0


def test_what_was_shown_at_the_question_is_not_replaced_by_another_plan(
    mx: Any, planned: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "hold", functools.partial(lock.hold, wait=0.1))
    with saved.alone(place.find(planned)):  # as `mx infra apply` does, its question included
        for words in (("plan",), ("apply", "--yes"), ("destroy", "--yes"), ("cost",)):
            second = mx("infra", *words, cwd=planned)
            assert second.code == 1
            assert "Another mx is at work" in second.err
            assert "a question may be open in another terminal" in second.err
    assert not (folder / "terraform.tfstate").exists()
    assert mx("infra", "apply", cwd=planned).code == 0
