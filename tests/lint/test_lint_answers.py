"""What mx.yaml says and terraform.tfvars says otherwise is told by `mx lint` and by `mx status`."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Mx

TFVARS = "infrastructure/terraform/terraform.tfvars"


@pytest.fixture
def root(mx: Mx, tmp_path: Path) -> Path:
    assert mx("generate", "MLProjectSkeleton", "demo-churn", "--no-input", "--skip-git").code == 0
    return tmp_path / "demo-churn"


def change(root: Path, old: str, new: str) -> int:
    """Change an answer; the line it is on."""
    file = root / TFVARS
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def test_an_answer_that_was_changed_there_only(mx: Mx, root: Path) -> None:
    assert mx("lint", "--rule", "strayed-answers", cwd=root).code == 0
    line = change(root, 'project_id = "demo-churn"', 'project_id = "acme-live"')
    result = mx("lint", "--rule", "strayed-answers", cwd=root)
    assert result.code == 1
    assert f'{TFVARS}:{line}:1: strayed-answers error project_id is "acme-live" here only' in result.out
    assert "`mx set project-id=acme-live`" in result.out
    assert f"{TFVARS}:{line}: project_id is" in mx("status", cwd=root).err


def test_the_advice_works(mx: Mx, root: Path) -> None:
    change(root, 'project_id = "demo-churn"', 'project_id = "acme-live"')
    assert mx("set", "project-id=acme-live", "--no-input", cwd=root).code == 0
    assert mx("lint", "--rule", "strayed-answers", cwd=root).code == 0
    assert mx("status", cwd=root).err == ""


def test_what_mx_yaml_does_not_say_may_be_anything(mx: Mx, root: Path) -> None:
    change(root, "leads = []", 'leads = ["a@example.com"]\nteam = "ours"')
    assert mx("lint", "--rule", "strayed-answers", cwd=root).code == 0
    assert mx("status", cwd=root).err == ""


def test_a_file_of_ones_own_says_it_over_again(mx: Mx, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_project_id", "of-a-shell")
    own = root / TFVARS.replace("terraform.tfvars", "team.auto.tfvars")
    own.write_text('team = "ours"\nproject_id = "acme-live"\n')
    result = mx("lint", "--rule", "strayed-answers", cwd=root)
    assert result.code == 1
    assert 'team.auto.tfvars:2:1: strayed-answers error project_id is "acme-live" here only' in result.out
    assert 'team.auto.tfvars:2: project_id is "acme-live" here only' in mx("status", cwd=root).err
    own.write_text('project_id = "demo-churn"\n')
    assert mx("lint", "--rule", "strayed-answers", cwd=root).code == 0
    assert mx("status", cwd=root).err == ""
    own.with_suffix(".tfvars.json").write_text("[")
    result = mx("status", cwd=root)
    assert result.code == 0
    assert "team.auto.tfvars.json is no JSON" in result.err
