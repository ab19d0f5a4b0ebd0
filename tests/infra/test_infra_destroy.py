"""Taking down what is protected and what holds data: Terraform and gcloud are stand-ins that check what they are asked.

The state that Terraform shows has Google's resources, which nothing on this machine could make.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mxdev.infra import applying
from mxdev.infra import place as places
from mxdev.steps import Mode, run_steps

pytestmark = pytest.mark.noted()

# Its state lies in the file `state`; a plan to destroy empties it, one with the variable lifts protection.
TERRAFORM = r"""
state = folder / "state"
resources = json.loads(state.read_text())
out = [word[5:] for word in words if word.startswith("-out=")]
event = {"@level": "info", "@message": "done", "type": "log"}
if words == ["version"]:
    print("Terraform v1.11.4")
elif words == ["show", "-json"]:
    print(json.dumps({"format_version": "1.0", "values": {"root_module": {"resources": resources}}}))
elif words[:1] == ["show"]:
    print(json.dumps({"format_version": "1.2", "resource_changes": []}))
elif words[:1] == ["plan"]:
    assert "-var=deletion_protection=false" in words, words
    pathlib.Path(out[0]).write_text("destroy" if "-destroy" in words else "unprotect")
    print(json.dumps(event))
elif words[:1] == ["apply"]:
    if pathlib.Path(words[-1]).read_text() == "destroy":
        guarded = [one for one in resources if one["values"].get("deletion_protection")]
        assert not guarded, guarded
        resources = []
    for one in resources:
        one["values"].pop("deletion_protection", None)
    state.write_text(json.dumps(resources))
    print(json.dumps(event))
elif words[:2] == ["state", "rm"]:
    state.write_text(json.dumps([one for one in resources if one["address"] not in words[2:]]))
else:
    sys.exit("unexpected: " + " ".join(words))
"""
GCLOUD = r"""
objects = folder / "objects"
if words == ["--version"]:
    print("Google Cloud SDK 528.0.0")
elif words == ["storage", "ls", "--all-versions", "gs://churn-data/**", "--project", "acme-churn"]:
    if not objects.exists():
        sys.exit("ERROR: (gcloud.storage.ls) One or more URLs matched no objects.")
    print("gs://churn-data/a#1")
elif words == ["storage", "rm", "--all-versions", "gs://churn-data/**", "--project", "acme-churn"]:
    objects.unlink()
else:
    sys.exit("unexpected: " + " ".join(words))
"""


def resource(kind: str, **values: Any) -> dict[str, Any]:
    return {"address": f"{kind}.main", "mode": "managed", "type": kind, "values": values}


@pytest.fixture
def world(folder: Path, stand_in: Callable[[str, str], Path]) -> Path:
    (folder / "variables.tf").write_text('variable "deletion_protection" {\n  default = true\n}\n')
    (folder / "terraform.tfvars").write_text('project_id = "acme-churn"\n')
    stand_in("gcloud", GCLOUD)
    place = stand_in("terraform", TERRAFORM)
    resources = [
        resource("google_container_cluster", name="churn", deletion_protection=True),
        resource("google_storage_bucket", name="churn-data"),
        resource("google_compute_network", name="churn"),
    ]
    (place / "state").write_text(json.dumps(resources))
    (place / "objects").touch()
    return place


def calls(world: Path, program: str = "terraform") -> list[str]:
    file = world / f"{program}.calls"
    return (
        [line for line in file.read_text().splitlines() if "version" not in line.split()[0]]
        if file.exists()
        else []
    )


def test_buckets_stay(mx: Any, churn: Path, world: Path) -> None:
    done = mx("infra", "destroy", "--confirm", "churn", cwd=churn)
    assert done.code == 0, done.err
    changing = [line for line in calls(world) if line.split()[0] in ("plan", "apply", "state")]
    assert [line.split()[0] for line in changing] == ["plan", "apply", "state", "plan", "apply"]
    assert "-target=google_container_cluster.main" in changing[0]
    assert changing[2] == "state rm google_storage_bucket.main"
    assert "terraform import 'google_storage_bucket.main' churn-data" in done.err
    assert (world / "objects").exists()
    assert json.loads((world / "state").read_text()) == []
    assert calls(world, "gcloud") == []


def test_with_data_the_buckets_are_emptied_and_go(mx: Any, churn: Path, world: Path) -> None:
    seen = mx("infra", "destroy", "--with-data", "--dry-run", "--json", cwd=churn).json
    lost = [line for step in seen["steps"] for line in step["destroys"]]
    assert "gs://churn-data: all objects" in lost
    assert "google_storage_bucket.main (with its data)" in lost
    assert (world / "objects").exists()
    done = mx("infra", "destroy", "--with-data", "--confirm", "churn", cwd=churn)
    assert done.code == 0, done.err
    assert not (world / "objects").exists()
    assert json.loads((world / "state").read_text()) == []
    assert not [line for line in calls(world) if line.startswith("state rm")]


def test_it_goes_on_where_it_stopped(mx: Any, churn: Path, world: Path) -> None:
    (world / "state").write_text(json.dumps([resource("google_compute_network", name="churn")]))
    done = mx("infra", "destroy", "--confirm", "churn", cwd=churn)
    assert done.code == 0, done.err
    assert [line.split()[0] for line in calls(world) if line.split()[0] in ("plan", "apply", "state")] == [
        "plan",
        "apply",
    ]


def test_what_cannot_be_unprotected_stops_it(mx: Any, churn: Path, folder: Path, world: Path) -> None:
    (folder / "variables.tf").write_text("")
    result = mx("infra", "destroy", "--confirm", "churn", cwd=churn)
    assert result.code == 1
    assert "google_container_cluster.main is protected" in result.err
    assert "deletion_protection = false" in result.err
    assert len(json.loads((world / "state").read_text())) == 3


@pytest.mark.usefixtures("terraform")
def test_the_step_for_all_of_it_asks_the_world(mx: Any, churn: Path, folder: Path, capfd: Any) -> None:
    """On the real Terraform: what another step, or `mx up`, is made of."""
    assert mx("infra", "init", "--yes", cwd=churn).code == 0
    step = applying.Infrastructure(name="infra", title="Infrastructure", place=places.find(churn))
    assert step.look().verb == "create"
    assert run_steps("mx up", [step], Mode(yes=True)) == 0
    assert step.look().verb == "done"
    (folder / "terraform.tfvars").write_text('size = "2"\n')
    assert step.look().verb == "change"
