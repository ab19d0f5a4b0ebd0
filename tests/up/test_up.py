"""`mx up` and `mx down` on a real API server: killed at every step and run again, nothing is done twice."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from control_plane.control_plane import ControlPlane
from deploy.deployed import Deployed

from mxdev.connect import target
from mxdev.deploy import config
from mxdev.deploy.steps import Place
from mxdev.project.project import Project
from mxdev.up import stages

pytestmark = pytest.mark.noted()

# Keeps what mx itself changes with it, and kills mx before or after what $KILL names.
KUBECTL = """\
#!/bin/sh
what=
case "$*" in
  *" create namespace "*) what=namespace ;;
  *" apply "*train-infrastructure*) what=train ;;
  *" apply "*gitlab-access*) what=gitlab ;;
esac
[ -z "$what" ] || [ "$KILL" != "before-$what" ] || { kill -9 $PPID; exit 1; }
[ -z "$what" ] || echo "$what" >> "$DONE"
"%s" "$@"
code=$?
[ -z "$what" ] || [ "$KILL" != "after-$what" ] || kill -9 $PPID
exit $code
"""


@pytest.fixture
def project(tmp_path: Path, control_plane: ControlPlane) -> Deployed:
    found = Deployed(tmp_path, control_plane, "GitLabCI")
    (found.bin / "kubectl").write_text(KUBECTL % shutil.which("kubectl"))
    (found.bin / "kubectl").chmod(0o755)
    found.env["DONE"] = str(tmp_path / "done")
    control_plane.made.append(found.name)
    return found


def test_killed_at_every_step_it_reaches_the_same_end_and_does_nothing_twice(
    project: Deployed, tmp_path: Path
) -> None:
    for what in ("namespace", "train", "gitlab"):
        for when in ("before", "after"):
            killed = project.mx("up", "--context", "mx-tests", env={"KILL": f"{when}-{what}"})
            assert killed.code == -9, killed.stderr
    done = project.mx("up")
    assert done.code == 0, done.stderr
    assert (tmp_path / "done").read_text().split() == ["namespace", "train", "gitlab"]
    by_hand = project.root / "infrastructure" / "by_hand.yaml"
    by_hand.write_text("owed:\n  client:\n    what: a client of your own\n    how: docs/edge.md says how\n")
    again = project.mx("up")
    assert (again.code, "all of it holds" in again.stdout) == (0, True), again.stdout + again.stderr
    assert "Left for a person to do: a client of your own\n  docs/edge.md says how" in again.stderr
    by_hand.unlink()
    assert (tmp_path / "done").read_text().split() == ["namespace", "train", "gitlab"]

    down = project.mx("down")
    assert down.code == 0, down.stderr
    assert project.names("statefulsets") == []
    assert "data-postgresql-0" in project.names("persistentvolumeclaims")
    purge = re.search(r"mx (purge) --context CONTEXT (--volumes)$", down.stdout, re.MULTILINE)
    assert purge, down.stdout
    assert f"mx-{project.name}" not in Path(project.env["KUBECONFIG"]).read_text()
    assert project.json("down")["outcome"] == "nothing"
    # What is printed last works when the project's own context is gone.
    gone = project.mx(purge[1], "--context", "mx-tests", purge[2], "--confirm", project.name)
    assert gone.code == 0, gone.stderr
    assert project.names("persistentvolumeclaims") == []


def test_it_goes_as_far_as_it_is_told_and_shows_all_before(
    project: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = project.mx("up")
    assert (blocked.code, "mx connect --context NAME" in blocked.stderr) == (1, True), blocked.stderr
    assert project.states("up", "--context", "mx-tests") == {
        "preflight": "done",
        "credentials": "create",
        "answers": "later",
        "deploy-train-infrastructure": "later",
        "deploy-gitlab-access": "later",
        "check": "later",
    }
    assert project.mx("up", "--to", "connect", "--context", "mx-tests").code == 0
    assert project.states("up", "--to", "connect") == {
        "preflight": "done",
        "credentials": "done",
        "answers": "done",
    }
    assert project.states("up")["deploy-train-infrastructure"] == "create"
    assert not Path(project.env["DONE"]).exists()

    for name, value in project.env.items():
        monkeypatch.setenv(name, value)
    where = target.load(project.root)
    deployments = config.chosen(config.read(Project.load(project.root)), [])
    way = stages.Way(where, None, deployments, Place(project.root, where.own, where.name, False, 5))
    unfinished = stages.Works(name="check", title="check", way=way).look()
    assert (unfinished.verb, "`mx doctor` says more" in unfinished.remedy) == ("blocked", True)
    assert [one.name for one in deployments] == ["train-infrastructure", "gitlab-access"]
    for one in deployments:
        assert f"{one.name} in the namespace {project.name}: create" in unfinished.why

    done = project.mx("up")
    assert done.code == 0, done.stderr
    assert Path(project.env["DONE"]).read_text().split() == ["namespace", "train", "gitlab"]


def test_it_begins_with_what_the_machine_lacks(project: Deployed, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("git", "bash"):
        (alone / name).symlink_to(shutil.which(name) or name)
    seen = project.mx("up", "--context", "mx-tests", "--dry-run", "--json", env={"PATH": str(alone)})
    first, *later = json.loads(seen.stdout)["steps"]
    assert (first["name"], first["state"]) == ("preflight", "blocked")
    assert "kubectl is missing" in first["why"]
    assert {step["state"] for step in later} == {"later"}
    blocked = project.mx("up", "--context", "mx-tests", env={"PATH": str(alone)})
    assert (blocked.code, "kubectl is missing" in blocked.stderr) == (4, True), blocked.stderr
    assert "https://kubernetes.io/docs/tasks/tools/" in blocked.stderr
    assert not Path(project.env["DONE"]).exists()
