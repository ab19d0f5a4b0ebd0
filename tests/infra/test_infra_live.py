"""`mx status --live` on Terraform, with the real one; a cluster is not connected."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra.conftest import MAIN

pytestmark = pytest.mark.noted()


@pytest.fixture
def on_google(mx: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project on Google Cloud, whose Terraform makes what needs no cloud."""
    for name in ("TF_CLI_CONFIG_FILE", "TF_DATA_DIR", "TF_REATTACH_PROVIDERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    given = ("--project-id", "acme-churn", "--region", "europe-west4", "--no-input", "--skip-git")
    done = mx("generate", "MLProjectSkeleton", "churn", *given)
    assert done.code == 0, done.err
    folder = tmp_path / "churn" / "infrastructure" / "terraform"
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "main.tf").write_text(MAIN)
    return tmp_path / "churn"


def live(mx: Any, root: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = mx("status", "--live", "--json", *arguments, cwd=root)
    assert done.json["error"] is None, done.out
    return done.code, {part["name"]: part for part in done.json["live"]}


@pytest.mark.usefixtures("terraform")
def test_what_an_apply_would_change_is_said_and_nothing_is_saved(mx: Any, on_google: Path) -> None:
    folder = on_google / "infrastructure" / "terraform"
    backend = folder / "backend.tf"
    backend.write_text('terraform {\n  backend "local" {\n    path = "kept.tfstate"\n  }\n}\n')
    code, parts = live(mx, on_google, "--exit-code")
    assert (code, parts["Terraform"]["deployed"]) == (4, "unknown")
    assert "not initialized" in parts["Terraform"]["text"]
    assert "mx infra init" in parts["Terraform"]["remedy"]
    assert live(mx, on_google)[0] == 0

    assert mx("infra", "init", cwd=on_google).code == 0
    code, parts = live(mx, on_google, "--exit-code")
    assert (code, parts["Terraform"]["deployed"], parts["Terraform"]["text"]) == (1, "differs", "2 to create")
    assert parts["Terraform"]["remedy"] == "`mx infra plan` shows what differs."
    assert "There is no saved plan" in mx("infra", "apply", cwd=on_google).err
    assert not list(folder.rglob("*.tfplan"))

    assert mx("infra", "plan", cwd=on_google).code == 0
    saved = next(folder.rglob("plan.tfplan"))
    before = saved.read_bytes()
    live(mx, on_google)
    assert saved.read_bytes() == before
    assert mx("infra", "apply", "--yes", "--confirm", "churn", cwd=on_google).code == 0
    _, parts = live(mx, on_google)
    assert (parts["Terraform"]["deployed"], parts["Terraform"]["text"]) == ("same", "as rendered")

    main = folder / "main.tf"
    main.write_text(main.read_text().replace('default = "1"', 'default = "2"'))
    shown = mx("status", "--live", cwd=on_google)
    assert shown.code == 0
    (row,) = [line.split("  ") for line in shown.out.splitlines() if line.startswith("Terraform")]
    assert row[-1] == "1 to change, 1 to replace"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('sys.exit("Error: invalid_grant")', "the login has expired"),
        ("os.kill(os.getpid(), 9)", "`terraform plan` failed (exit code 137) and said nothing."),
        ('print("rubbish"); sys.exit(2)', "`terraform show -json` printed no JSON"),
    ],
)
def test_a_terraform_that_does_not_work_is_said(
    mx: Any, on_google: Path, stand_in: Callable[[str, str], Path], code: str, said: str
) -> None:
    """By a stand-in, which is not Terraform."""
    version = 'if words[0] == "version":\n    print("Terraform v1.12.0")\n    sys.exit()\n'
    show = 'if words[0] == "show":\n    print("rubbish")\n    sys.exit()\n'
    place = stand_in("terraform", version + show + code)
    _, parts = live(mx, on_google)
    assert parts["Terraform"]["deployed"] == "unknown"
    assert said in parts["Terraform"]["text"]
    asked = [
        line for line in (place / "terraform.calls").read_text().splitlines() if line.startswith("plan ")
    ]
    assert all({"-detailed-exitcode", "-lock=false", "-input=false"} <= set(line.split()) for line in asked)
    assert len(asked) == 1


def test_without_terraform_the_rest_is_looked_at(
    mx: Any, on_google: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "git").symlink_to(shutil.which("git") or "git")
    monkeypatch.setenv("PATH", str(alone))
    _, parts = live(mx, on_google)
    assert parts["Terraform"]["text"] == "terraform is missing."
    assert parts["images"]["deployed"] == "unknown"
    assert "mx connect" in parts["images"]["text"]


def test_it_is_of_the_whole_project(mx: Any, on_google: Path) -> None:
    result = mx("status", "--live", "MLProjectSkeleton", cwd=on_google)
    assert (result.code, "--live looks at the whole project" in result.err) == (2, True)
