"""How GitHub learns what became of a training: the scripts of the workflows, really run, with doubles of `gh` and `mx`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mxdev.testing import render, text

RUN, OTHER = "a" * 32, "b" * 32
SHA = "0123456789abcdef0123456789abcdef01234567"
# A double of GitHub's program, with the answers of its API in `state.json`; `--jq` is done by the real jq.
GH = """\
#!{python}
import json, subprocess, sys
from pathlib import Path
path = Path("{folder}/state.json")
state, words = json.loads(path.read_text()), sys.argv[1:]
def answer(value):
    given = words[words.index("--jq") + 1]
    done = subprocess.run(["jq", "--raw-output", given], input=json.dumps(value), text=True, capture_output=True, check=True)
    print(done.stdout, end="")
if words[:2] == ["workflow", "enable"] or words[:2] == ["workflow", "disable"]:
    state["switched"].append(words[1:])
elif words[:2] == ["run", "list"]:
    answer([{{"headSha": sha}} for sha in state["commits"][words[words.index("--workflow") + 1]]])
elif words[0] == "api" and words[1].endswith("/status"):
    sha = words[1].split("/")[-2]
    newest = {{item["context"]: item for item in state["statuses"].get(sha, [])}}
    answer({{"statuses": list(newest.values())}})
else:
    assert words[:2] == ["api", "--silent"], words
    given = dict(word.split("=", 1) for word in words if "=" in word)
    state["statuses"].setdefault(words[2].rpartition("/")[2], []).append(given)
path.write_text(json.dumps(state))
"""
# A double of mx, which knows the runs in `runs.json`.
MX = """\
#!{python}
import json, sys
from pathlib import Path
assert sys.argv[1:3] == ["flow", "status"] and sys.argv[4] == "--json", sys.argv
found = json.loads(Path("{folder}/runs.json").read_text()).get(sys.argv[3])
sys.exit("no such run") if found is None else print(json.dumps(found))
"""


@dataclass
class GitHub:
    """A repository, and the runner of one job."""

    folder: Path

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        return found

    def last(self, sha: str = SHA) -> tuple[str, str]:
        """The state and the description of a commit's training."""
        status = self.state()["statuses"][sha][-1]
        assert status["context"] == "mx/train"
        return status["state"], status["description"]

    def run(self, script: str, **more: str) -> None:
        environ = {**os.environ, "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}", "COMMIT": SHA,
                   "GITHUB_REPOSITORY": "acme/churn", **more}  # fmt: skip
        command = [
            "bash",
            "--noprofile",
            "--norc",
            "-eo",
            "pipefail",
            "-c",
            script.replace("/tmp/", f"{self.folder}/"),
        ]
        done = subprocess.run(
            command, cwd=self.folder, env=environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed, which the double of gh answers with")
    for name, source in (("gh", GH), ("mx", MX)):
        (tmp_path / name).write_text(source.format(python=sys.executable, folder=tmp_path))
        (tmp_path / name).chmod(0o755)
    state = {"switched": [], "statuses": {}, "commits": {"mx-train.yaml": [SHA], "mx-release.yaml": []}}
    (tmp_path / "state.json").write_text(json.dumps(state))
    (tmp_path / "build").mkdir()
    return GitHub(tmp_path)


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(
        text(render("GitHubActions", name="churn", cloud="existing"), f".github/workflows/{name}.yaml")
    )
    return found


def report() -> str:
    """What the job that trains runs at its end, however it ended."""
    steps = workflow("mx-jobs")["jobs"]["train"]["steps"]
    (step,) = [step for step in steps if step.get("if") == "${{ always() }}"]
    return str(step["run"])


def look() -> str:
    """What the other workflow runs twice an hour, once it has reached the cluster."""
    script = str(workflow("mx-train-result")["jobs"]["results"]["steps"][-1]["run"])
    return script[script.index("{ gh run list") :]


@pytest.mark.parametrize(
    ("outcome", "state"), [("success", "success"), ("failure", "failure"), ("cancelled", "error")]
)
def test_a_training_that_ended_is_told_at_its_commit(github: GitHub, outcome: str, state: str) -> None:
    (github.folder / "build/training").write_text(f"{RUN}\n")
    github.run(report(), OUTCOME=outcome)
    assert github.last() == (state, f"run {RUN}")
    assert github.state()["switched"] == []


def test_where_nothing_was_trained_nothing_is_told(github: GitHub) -> None:
    github.run(report(), OUTCOME="success")
    assert github.state()["statuses"] == {}


@pytest.mark.parametrize(
    ("found", "state"),
    [({"phase": "succeeded"}, "success"), ({"phase": "failed"}, "failure"), ({"status": "KILLED"}, "failure"),
     ({"status": "FINISHED"}, "success")],
)  # fmt: skip
def test_one_that_went_on_is_told_later(github: GitHub, found: dict[str, str], state: str) -> None:
    (github.folder / "build/training").write_text(f"{RUN}\n")
    (github.folder / "build/training-goes-on").touch()
    github.run(report(), OUTCOME="success")
    assert github.last() == ("pending", f"run {RUN}")
    assert github.state()["switched"] == [["enable", "mx-train-result.yaml"]]

    runs = github.folder / "runs.json"
    for going_on in ({"phase": "pending"}, {"phase": "running"}, None):
        runs.write_text(json.dumps({RUN: going_on} if going_on else {}))
        github.run(look())
        assert github.last()[0] == "pending"
        assert len(github.state()["switched"]) == 1
    runs.write_text(json.dumps({RUN: found}))
    github.run(look())
    assert github.last() == (state, f"run {RUN}: {next(iter(found.values()))}")
    assert github.state()["switched"][1:] == [["disable", "mx-train-result.yaml"]]


def test_it_stays_switched_on_while_another_one_trains(github: GitHub) -> None:
    state = github.state()
    state["commits"]["mx-release.yaml"] = ["f" * 40, "e" * 40]
    state["statuses"] = {
        SHA: [{"context": "mx/train", "state": "pending", "description": f"run {RUN}"}],
        "f" * 40: [{"context": "mx/train", "state": "pending", "description": f"run {OTHER}"}],
        "e" * 40: [{"context": "lint", "state": "pending", "description": "somebody else's"}],
    }
    (github.folder / "state.json").write_text(json.dumps(state))
    (github.folder / "runs.json").write_text(
        json.dumps({RUN: {"phase": "succeeded"}, OTHER: {"phase": "running"}})
    )
    github.run(look())
    assert github.last() == ("success", f"run {RUN}: succeeded")
    assert github.last("f" * 40) == ("pending", f"run {OTHER}")
    assert github.state()["switched"] == []


def test_where_nothing_trains_it_switches_itself_off(github: GitHub) -> None:
    (github.folder / "runs.json").write_text("{}")
    github.run(look())
    assert github.state()["switched"] == [["disable", "mx-train-result.yaml"]]
