"""plan, apply, output, destroy and unlock on the real Terraform, with resources that need no cloud and a state in a file."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mxdev.infra.plans import changes, saved

pytestmark = [pytest.mark.noted(), pytest.mark.usefixtures("terraform")]


@pytest.fixture
def ready(mx: Any, churn: Path) -> Path:
    assert mx("infra", "init", "--yes", cwd=churn).code == 0
    return churn


@pytest.fixture
def applied(mx: Any, ready: Path) -> Path:
    assert mx("infra", "plan", cwd=ready).code == 0
    assert mx("infra", "apply", cwd=ready).code == 0
    return ready


def state(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "terraform.tfstate").read_text())
    return found


def test_init_is_done_once(mx: Any, ready: Path) -> None:
    again = mx("infra", "init", "--json", cwd=ready)
    assert (again.code, again.json["outcome"]) == (0, "nothing")


def test_what_is_not_initialized_says_so(mx: Any, churn: Path, folder: Path) -> None:
    (folder / "cloud.tf").write_text('terraform {\n  backend "local" {\n    path = "x.tfstate"\n  }\n}\n')
    result = mx("infra", "plan", cwd=churn)
    assert result.code == 4
    assert "is not initialized here" in result.err
    assert "`mx infra init`" in result.err


def test_the_plan_is_what_is_applied(mx: Any, ready: Path, folder: Path) -> None:
    planned = mx("infra", "plan", cwd=ready)
    assert planned.code == 0
    assert planned.out.splitlines() == [
        "    create  terraform_data.kept",
        "    create  terraform_data.store",
        "Outputs that change: size, word",
        "Plan: 2 to create.",
    ]
    plan = folder / ".terraform" / "mx" / "plan.tfplan"
    assert plan.stat().st_mode & 0o777 == 0o600
    assert not (folder / "terraform.tfstate").exists()
    done = mx("infra", "apply", cwd=ready)
    assert done.code == 0, done.err
    assert "Creation complete" in done.err
    assert len(state(folder)["resources"]) == 2
    assert not plan.exists()


def test_what_was_applied_is_not_applied_again(mx: Any, applied: Path) -> None:
    again = mx("infra", "apply", "--json", cwd=applied)
    assert (again.code, again.json["outcome"]) == (0, "nothing")
    assert mx("infra", "plan", "--json", cwd=applied).json["outcome"] == "nothing"


def test_without_a_plan_nothing_is_applied(mx: Any, ready: Path, folder: Path) -> None:
    result = mx("infra", "apply", cwd=ready)
    assert result.code == 1
    assert "There is no saved plan" in result.err
    assert "`mx infra plan`" in result.err
    assert not (folder / "terraform.tfstate").exists()


@pytest.mark.parametrize("file", ["main.tf", "more.auto.tfvars", "scripts/startup.py"])
def test_a_file_that_changed_since_stops_it(mx: Any, ready: Path, folder: Path, file: str) -> None:
    assert mx("infra", "plan", cwd=ready).code == 0
    (folder / file).parent.mkdir(exist_ok=True)
    with (folder / file).open("a") as opened:
        opened.write("# another line\n")
    result = mx("infra", "apply", "--yes", cwd=ready)
    assert result.code == 1
    assert "have changed since the plan" in result.err
    assert not (folder / "terraform.tfstate").exists()


def test_a_readme_changes_nothing(mx: Any, ready: Path, folder: Path) -> None:
    assert mx("infra", "plan", cwd=ready).code == 0
    (folder / "README.md").write_text("More.\n")
    assert mx("infra", "apply", cwd=ready).code == 0


def test_a_state_that_changed_since_stops_it(mx: Any, applied: Path, folder: Path, terraform: str) -> None:
    (folder / "terraform.tfvars").write_text('size = "2"\n')
    assert mx("infra", "plan", cwd=applied).code == 0
    words = [terraform, "state", "rm", "terraform_data.kept"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    before = state(folder)
    result = mx("infra", "apply", "--yes", cwd=applied)
    assert result.code == 1
    assert "The state has changed since the plan was made" in result.err
    assert state(folder) == before


def test_why_something_is_changed_or_replaced(mx: Any, applied: Path, folder: Path) -> None:
    (folder / "terraform.tfvars").write_text('size = "2"\n')
    result = mx("infra", "plan", cwd=applied)
    assert '    change  terraform_data.kept  (input: "1" -> "2")' in result.out
    assert "   replace  terraform_data.store  (triggers_replace cannot be changed in place)" in result.out
    (folder / "main.tf").write_text("")
    (folder / "terraform.tfvars").unlink()
    gone = mx("infra", "plan", cwd=applied)
    assert "   destroy  terraform_data.kept  (no .tf file has it any more)" in gone.out


@pytest.mark.parametrize(
    ("given", "code"), [((), 1), (("--confirm", "chrun"), 1), (("--confirm", "churn"), 0)]
)
def test_the_name_is_typed_where_data_is_lost(
    mx: Any, applied: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr(changes, "_DATA", ("terraform_data",))  # nothing that needs no cloud holds data
    (folder / "terraform.tfvars").write_text('size = "2"\n')
    assert "Data is lost for good: terraform_data.store" in mx("infra", "plan", cwd=applied).out
    before = state(folder)["serial"]
    result = mx("infra", "apply", "--yes", *given, cwd=applied)
    assert result.code == code, result.err
    assert (state(folder)["serial"] == before) is bool(code)


def test_outputs(mx: Any, applied: Path) -> None:
    shown = mx("infra", "output", cwd=applied)
    assert shown.out == "size = 1\nword = (secret; --json or NAME prints it)\n"
    assert mx("infra", "output", "word", cwd=applied).out == "hush\n"
    assert mx("infra", "output", "--json", cwd=applied).json == {"size": "1", "word": "hush"}
    missing = mx("infra", "output", "sise", cwd=applied)
    assert missing.code == 1
    assert "There are: size, word" in missing.err


def test_destroy(mx: Any, applied: Path, folder: Path) -> None:
    refused = mx("infra", "destroy", "--yes", cwd=applied)
    assert refused.code == 1
    assert "--confirm churn" in refused.err
    assert len(state(folder)["resources"]) == 2
    seen = mx("infra", "destroy", "--dry-run", "--json", cwd=applied)
    assert seen.json["steps"][-1]["destroys"] == ["terraform_data.kept", "terraform_data.store"]
    done = mx("infra", "destroy", "--confirm", "churn", cwd=applied)
    assert done.code == 0, done.err
    assert state(folder)["resources"] == []
    assert mx("infra", "destroy", "--json", cwd=applied).json["outcome"] == "nothing"


SLOW = 'resource "terraform_data" "slow" {\n  provisioner "local-exec" {\n    command = "sleep 30"\n  }\n}\n'


@pytest.fixture
def running(mx: Any, ready: Path, folder: Path) -> subprocess.Popen[str]:
    """An `mx infra apply` in a process of its own that holds the lock."""
    (folder / "slow.tf").write_text(SLOW)
    assert mx("infra", "plan", cwd=ready).code == 0
    words = [sys.executable, "-m", "mxdev", "infra", "apply"]
    process = subprocess.Popen(words, cwd=ready, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr
    for line in process.stderr:
        if "terraform_data.slow: Creating" in line:
            return process
    raise AssertionError(process.communicate())


def test_who_holds_the_lock(
    mx: Any, churn: Path, running: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # From another machine, which does not see this one's own lock.
    monkeypatch.setattr(saved, "alone", lambda _place: contextlib.nullcontext())
    result = mx("infra", "plan", cwd=churn)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert result.code == 1
    assert "The state is locked: " in result.err
    assert "holds it for apply, since 20" in result.err
    assert "mx infra unlock " in result.err


def test_control_c_ends_terraform_in_order(
    mx: Any, folder: Path, churn: Path, running: subprocess.Popen[str]
) -> None:
    time.sleep(0.5)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, out + err
    assert "stopping: what runs is finished first" in err
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(folder / ".terraform" / "mx" / "plan.tfplan") not in left
    # What was made is in the state, and the lock is gone.
    assert {one["name"] for one in state(folder)["resources"]} >= {"kept", "store"}
    assert mx("infra", "plan", cwd=churn).code == 0


def test_unlock_asks(mx: Any, ready: Path) -> None:
    result = mx("infra", "unlock", "123", cwd=ready)
    assert result.code == 1
    assert "Nobody can be asked" in result.err
