"""`mx up` with tools that are missing, too old, hang, break or print rubbish: each is said with what to do, and nothing is done.

Every tool here is a stand-in. What the real ones do, and a cluster, is shown by the other files.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from mxdev.cluster import kubectl as kubectls
from mxdev.cluster.kubectl import Kubectl
from mxdev.cluster.refusals import ClusterError
from mxdev.connect import steps as connecting
from mxdev.connect.target import Target
from mxdev.deploy import objects, readiness
from mxdev.deploy.config import Deployment
from mxdev.errors import MxError
from mxdev.system import programs
from mxdev.testing import mx
from mxdev.up.command import up as command

VERSIONS = {"kubectl": "Client Version: v1.36.0", "helm": "v3.22.0", "devspace": "DevSpace version : 6.3.21",
            "gcloud": "Google Cloud SDK 550.0.0", "terraform": "Terraform v1.11.4"}  # fmt: skip
OLD = {
    "kubectl": "1.10.0",
    "helm": "2.17.0",
    "devspace": "5.18.5",
    "gcloud": "Google Cloud SDK 100.0.0",
    "terraform": "Terraform v0.12.0",
}
INSTALL = {"kubectl": "kubernetes.io/docs/tasks/tools", "helm": "helm.sh", "devspace": "devspace.sh",
           "gcloud": "cloud.google.com/sdk", "terraform": "developer.hashicorp.com/terraform/install"}  # fmt: skip
CHART = """
deployments:
  chart:
    namespace: churn
    helm: {chart: {name: redis, repo: "https://charts.example.com"}}
"""


def put(folder: Path, name: str, text: str) -> None:
    """A program: text of a shell script."""
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A project on a cluster of its own, with a chart beside its manifests, and one on Google Cloud; not to be changed."""
    found = {}
    for cloud in ("existing", "gcp"):
        folder = tmp_path_factory.mktemp(cloud)
        given = [
            "MLProjectSkeleton",
            "churn",
            "--cloud",
            cloud,
            "--project-id",
            "acme-ml",
            "--no-input",
            "--skip-git",
        ]
        done = mx("generate", *given, cwd=folder)
        assert done.code == 0, done.stderr
        found[cloud] = folder / "churn"
    path = found["existing"] / "devspace.yaml"
    path.write_text(path.read_text().replace("\ndeployments:\n", CHART, 1))
    return found


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder with every tool that `mx up` starts, each of a version that will do, and with nothing else."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("git", "sh", "bash", "sleep", "cat"):
        (folder / name).symlink_to(shutil.which(name) or name)
    for name, version in VERSIONS.items():
        put(folder, name, f"echo '{version}'")
    put(folder, "gke-gcloud-auth-plugin", "echo plugin")
    return folder


@dataclass(frozen=True)
class Ended:
    """How `mx up` ended: its exit code, what it printed, and the error that the command line would show."""

    code: int
    stdout: str
    stderr: str


@pytest.fixture
def up(tools: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """`mx up --dry-run --json` with these tools alone, in this process, which is sooner."""
    config = tools.parent / "kubeconfig"
    entry = {"name": "mine", "context": {"cluster": "c", "user": "u"}}
    parts = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {}}],
    }
    config.write_text(yaml.safe_dump({"contexts": [entry], **parts}))
    given = {"PATH": str(tools), "KUBECONFIG": str(config), "CLOUDSDK_CONFIG": str(tools.parent / "gcloud")}
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    def call(root: Path, *words: str) -> Ended:
        monkeypatch.chdir(root)
        done = CliRunner().invoke(command, ["--dry-run", "--json", *words], standalone_mode=False)
        error = done.exception
        assert error is None or isinstance(error, MxError | click.ClickException), error
        if isinstance(error, click.ClickException):
            return Ended(error.exit_code, done.stdout, error.format_message())
        return Ended(error.code if error else done.return_value, done.stdout, str(error or ""))

    return call


def preflight(done: Ended) -> dict[str, str]:
    first, *later = json.loads(done.stdout)["steps"]
    assert first["name"] == "preflight"
    assert (first["state"] == "blocked") == all(step["state"] == "later" for step in later)
    found: dict[str, str] = first
    return found


CLOUD = {
    "gcloud": "gcp",
    "terraform": "gcp",
    "kubectl": "existing",
    "helm": "existing",
    "devspace": "existing",
}


def arguments(name: str) -> list[str]:
    return ["--context", "mine"] if CLOUD[name] == "existing" else []


@pytest.mark.parametrize("name", VERSIONS)
@pytest.mark.parametrize("how", ["missing", "old", "rubbish", "fails", "killed"])
def test_a_tool_that_will_not_do_stops_the_way_before_it_begins(
    made: Mapping[str, Path], tools: Path, up: Callable[..., Ended], name: str, how: str
) -> None:
    if name == "helm" or (name == "devspace" and how == "missing"):
        # One of the two will do for a chart.
        (tools / "devspace").unlink()
    texts = {
        "old": f"echo '{OLD[name]}'",
        "rubbish": "echo '<html>Sign in</html>'",
        "fails": "echo broken >&2; exit 1",
        "killed": "kill -9 $$",
    }
    if how == "missing":
        (tools / name).unlink(missing_ok=True)
        if name == "devspace":
            (tools / "helm").unlink()
    else:
        put(tools, name, texts[how])
    done = up(made[CLOUD[name]], *arguments(name))
    assert done.code == 4, (done.stdout, done.stderr)
    wanted = {
        "missing": "missing",
        "old": "older than",
        "rubbish": "Sign in",
        "fails": "broken",
        "killed": "exit code 137",
    }[how]
    if name == "devspace" and how != "missing":
        # Whether it or kubectl and Helm deploy has to be known before there are steps.
        assert done.stdout == ""
        why = remedy = done.stderr
    else:
        said = preflight(done)
        assert said["state"] == "blocked"
        why, remedy = said["why"], said["remedy"]
    assert name in why
    assert wanted in why, why
    assert INSTALL[name] in remedy, remedy


@pytest.mark.parametrize("name", VERSIONS)
def test_a_tool_that_hangs_is_ended_and_named(
    made: Mapping[str, Path],
    tools: Path,
    up: Callable[..., Ended],
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if name == "helm":
        (tools / "devspace").unlink()
    put(tools, name, "exec sleep 600")
    monkeypatch.setattr(programs, "VERSION_PATIENCE", 0.5)
    begun = time.monotonic()
    done = up(made[CLOUD[name]], *arguments(name))
    assert time.monotonic() - begun < 60
    said = done.stdout + done.stderr
    assert f"{tools / name} did not finish in 0.5 seconds" in said
    assert INSTALL[name] in said


WRONG_INPUT = (
    (["--to", "heaven"], "'heaven' is not one of"),
    (["--timeout", "0"], "not in the range"),
    (["--timeout", "soon"], "not a valid integer"),
    (["-E", "stagnig"], "no environment called stagnig"),
    (["sideways"], "unexpected extra argument"),
)


@pytest.mark.parametrize(("words", "said"), WRONG_INPUT, ids=lambda value: str(value)[:20])
def test_wrong_input_is_refused(
    made: Mapping[str, Path], up: Callable[..., Ended], words: list[str], said: str
) -> None:
    done = up(made["existing"], *words)
    assert done.code in (1, 2), done.stderr
    assert said in done.stderr.replace("\n", " ")


@pytest.mark.parametrize("text", ["deployments: [a]\n", "a: [\n", "\x00", "just words\n"])
def test_a_devspace_yaml_that_is_none_is_said(
    made: Mapping[str, Path], up: Callable[..., Ended], tmp_path: Path, text: str
) -> None:
    root = Path(shutil.copytree(made["existing"], tmp_path / "churn"))
    (root / "devspace.yaml").write_text(text)
    done = up(root, "--context", "mine")
    assert done.code == 4, (done.stdout, done.stderr)
    assert "devspace.yaml" in done.stderr


RUBBISH = ("<html>Sign in</html>", "", "[1]", "7", '{"items": 7}')


@pytest.mark.parametrize("said", RUBBISH)
def test_kubectl_that_answers_rubbish_is_no_bug_of_mx(
    tools: Path, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tools, "kubectl", f"case \"$*\" in 'version --client') echo v1.36.0;; *) printf '%s' '{said}';; esac")
    monkeypatch.setenv("PATH", str(tools))
    kubectl = Kubectl("mine", "churn")
    chart = Deployment("chart", "churn", None, {"chart": {"name": "redis"}})
    with pytest.raises(ClusterError, match="printed no object in JSON"):
        kubectl.json("get", "pods")
    with pytest.raises(ClusterError, match="printed no object in JSON"):
        objects.release(tools, kubectl, chart)
    late = {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": 1}}
    assert readiness.lacking(late)
    with pytest.raises(ClusterError, match="printed no object in JSON"):
        readiness.reasons(tools, kubectl, [late])
    if said:  # nothing at all is what --ignore-not-found prints
        with pytest.raises(ClusterError, match="printed no object in JSON"):
            objects.there(tools, kubectl, chart)


@pytest.mark.parametrize("release", ["bm90IGd6aXA=", "%%%", "H4sI"])
def test_a_record_of_helm_that_is_broken_is_named(
    tools: Path, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = {"metadata": {"labels": {"version": "1"}}, "data": {"release": release}}
    (tools / "answer").write_text(json.dumps({"items": [secret]}))
    put(tools, "kubectl", f"case \"$*\" in 'version --client') echo v1.36.0;; *) cat {tools}/answer;; esac")
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(MxError, match="record of the release chart") as problem:
        objects.release(tools, Kubectl("mine", "churn"), Deployment("chart", "churn", None, {}))
    assert "`helm history chart --namespace churn`" in str(problem.value)


def test_kubectl_that_hangs_is_ended(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a login that waits for somebody."""
    put(tools, "kubectl", "case \"$*\" in 'version --client') echo v1.36.0;; *) exec sleep 600;; esac")
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(kubectls, "WHOLE", 0.5)
    with pytest.raises(MxError, match=r"did not finish in 0\.5 seconds"):
        Kubectl("mine", "churn").run("get", "pods")


@pytest.mark.parametrize(
    ("script", "may"), [("exit 1", False), ("echo 'exec format error' >&2; exit 1", None), ("exit 0", True)]
)
def test_a_kubectl_that_breaks_is_no_lack_of_rights(
    tools: Path, script: str, may: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tools, "kubectl", f"case \"$*\" in 'version --client') echo v1.36.0;; *) {script};; esac")
    monkeypatch.setenv("PATH", str(tools))
    step = connecting.Answers(name="a", title="A", target=Target("churn", "existing"))
    if may is None:
        with pytest.raises(ClusterError, match="exec format error"):
            step.look()
    else:
        assert step.look().verb == ("done" if may else "blocked")
