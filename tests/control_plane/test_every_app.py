"""Every manifest of the apps behind the edge, applied to a real API server with its kinds' definitions, made ready, and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from covering import PAGES, SERVING, Row, label, rows
from filelock import FileLock
from terraform_mirror import shared_folder

from control_plane.come_and_go import come_and_go, units
from control_plane.control_plane import ControlPlane
from mxdev.testing import render_all, write

pytestmark = pytest.mark.noted()

DOMAIN = {"domain": "ml.example.com"}
# Of the projects' names and of their tasks their manifests know nothing.
PLACES = ("cloud", "audience", "pull_secret")
APPS = [
    *(("SeldonDeployment", {"name": "scores", **row}) for row in rows(SERVING)),
    *(
        ("StreamlitApp", {"name": "demo", "tag": "0123abc", **row})
        for row in {label(one): one for one in ({key: row[key] for key in PLACES if key in row} for row in rows(PAGES))}.values()
    ),
    *(("CVATLabelingTool", {"name": "churn-model", "cloud": cloud}) for cloud in ("gcp", "existing")),
    ("DebugPod", {"name": "churn-model", "cloud": "gcp", "tag": "0123abc"}),
]  # fmt: skip


@pytest.fixture
def alone(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane, to one test at a time, with the definitions of what stands behind the edge."""
    definitions = [
        path for kind in ("istio", "gateway-api", "kserve", "seldon") for path in shared_folder().glob(f"schemas/crd-{kind}-*.yaml")
    ]  # fmt: skip
    if not definitions:
        pytest.skip(f"{shared_folder()} has no definitions of the kinds")
    with FileLock(control_plane.folder / "manifests.lock"):
        there = control_plane.folder / "apps-defined"
        if not there.exists():
            known = {one["metadata"]["name"] for one in control_plane.get("crd")["items"]}
            new = [path for path in definitions if _name(path) not in known]
            control_plane.kubectl("apply", "--server-side", *(f"--filename={path}" for path in new))
            control_plane.kubectl("wait", "crd", "--all", "--for=condition=Established", "--timeout=120s")
            there.touch()
        yield control_plane


def _name(path: Path) -> str:
    return next(line.split()[1] for line in path.read_text().splitlines() if line.startswith("  name: "))


@pytest.mark.parametrize(
    ("generator", "row"), APPS, ids=[f"{number}-{name}" for number, (name, _) in enumerate(APPS)]
)
def test_an_app_is_applied_gets_ready_and_is_taken_back(
    generator: str, row: Row, alone: ControlPlane, tmp_path: Path
) -> None:
    run = render_all(generator, **DOMAIN, **row)
    write(run, tmp_path)
    own = run.renderings[-1].tree
    assert own is not None
    kubernetes = tmp_path / "infrastructure/kubernetes"
    mine = [unit for unit in units(kubernetes) if unit[0].relative_to(tmp_path).as_posix() in own.files]
    assert mine, "the app renders manifests"
    for unit in mine:
        come_and_go(alone, *unit)
