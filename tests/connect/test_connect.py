"""`mx connect`: names of its own, nobody's current ones changed; with the real gcloud where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from control_plane.control_plane import ControlPlane

from connect import google as stand_in
from connect.google import Google
from mxdev.connect import kubeconfig, target
from mxdev.system import gcloud
from mxdev.testing import Outcome, mx, render, write

pytestmark = [
    pytest.mark.noted(),
    pytest.mark.skipif(sys.platform == "win32", reason="stand-ins are shell scripts"),
]
needs_gcloud = pytest.mark.skipif(
    shutil.which("gcloud") is None or shutil.which("gke-gcloud-auth-plugin") is None,
    reason="gcloud or gke-gcloud-auth-plugin is not installed",
)
OTHERS = """\
apiVersion: v1
kind: Config
clusters:
- {name: theirs, cluster: {server: "https://theirs.example.com"}}
users:
- {name: theirs, user: {token: "0123"}}
contexts:
- {name: theirs, context: {cluster: theirs, user: theirs}}
current-context: theirs
"""
# Answers what is asked of a cluster that lets the person do what $CAN says; hands `config` to the real one.
KUBECTL = """\
#!/bin/sh
case "$*" in
  *"version --client"*) echo "Client Version: v1.34.0"; exit 0 ;;
  *"auth can-i"*) echo "$*" >> "$ASKED"; exit "${CAN:-0}" ;;
esac
exec %s "$@"
"""


@pytest.fixture
def google() -> Iterator[Google]:
    with stand_in.serving() as found:
        yield found


class Place:
    """A project, and a home with a kubeconfig and gcloud's files."""

    def __init__(self, folder: Path, cloud: str) -> None:
        self.root = folder / "churn-model"
        write(render("MLProjectSkeleton", name="churn-model", cloud=cloud), self.root)
        options = f"version: 1\noptions:\n  name: churn-model\n  cloud: {cloud}\n"
        (self.root / "mx.yaml").write_text(
            options + "  project-id: churn-model\n  region: europe-west4\n" * (cloud == "gcp")
        )
        self.config = folder / "kubeconfig"
        self.config.write_text(OTHERS)
        self.config.chmod(0o600)
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.add("kubectl", KUBECTL % shutil.which("kubectl"))
        self.env = {
            "KUBECONFIG": str(self.config),
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "ASKED": str(folder / "asked"),
        }

    def add(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def connect(self, *arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
        return mx("connect", *arguments, cwd=self.root, env={**self.env, **(env or {})})

    def states(self, *arguments: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
        done = self.connect("--json", "--dry-run", *arguments, env=env)
        return {step["name"]: step["state"] for step in json.loads(done.stdout)["steps"]}

    @property
    def kubeconfig(self) -> dict[str, object]:
        loaded: dict[str, object] = yaml.safe_load(self.config.read_text())
        return loaded


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, "gcp")


@pytest.fixture
def logged_in(place: Place, google: Google, tmp_path: Path) -> Place:
    folder = tmp_path / "gcloud"
    folder.mkdir()
    place.env |= {**google.environment(folder), "CLOUDSDK_CORE_ACCOUNT": "ada@example.com"}
    return place


@needs_gcloud
def test_it_connects_under_names_of_its_own_and_changes_nobodys_current_ones(
    logged_in: Place, google: Google, tmp_path: Path
) -> None:
    done = logged_in.connect()
    assert done.code == 0, done.stderr
    found = logged_in.kubeconfig
    assert found["current-context"] == "theirs"
    before = yaml.safe_load(OTHERS)
    for kind in ("clusters", "users", "contexts"):
        assert found[kind][0] == before[kind][0]  # type: ignore[index]
        assert [entry["name"] for entry in found[kind]] == ["theirs", "mx-churn-model"]  # type: ignore[attr-defined]
    assert found["contexts"][1]["context"]["namespace"] == "churn-model"  # type: ignore[index]
    assert found["clusters"][1]["cluster"] == {"server": f"https://{google.endpoint}"}  # type: ignore[index]
    login = found["users"][1]["user"]["exec"]  # type: ignore[index]
    assert login["env"] == [{"name": "CLOUDSDK_ACTIVE_CONFIG_NAME", "value": "mx-churn-model"}]
    assert logged_in.config.stat().st_mode & 0o777 == 0o600
    gcloud_files = tmp_path / "gcloud"
    assert (gcloud_files / "active_config").read_text() == "default"
    written = (gcloud_files / "configurations" / "config_mx-churn-model").read_text()
    assert "account = ada@example.com" in written
    assert "project = churn-model" in written
    assert "region = europe-west4" in written
    assert not (gcloud_files / "configurations" / "config_default").read_text()
    asked = "/v1/projects/churn-model/locations/europe-west4-b/clusters/churn-model"
    assert asked in google.asked

    again = logged_in.connect()
    assert (again.code, "all of it holds" in again.stdout) == (0, True), again.stdout + again.stderr
    assert logged_in.states("--use") == {
        "login": "done", "configuration": "done", "credentials": "done", "answers": "done",
        "use-configuration": "change", "use-context": "change",
    }  # fmt: skip
    assert logged_in.connect("--use").code == 0
    assert logged_in.kubeconfig["current-context"] == "mx-churn-model"
    assert (gcloud_files / "active_config").read_text() == "mx-churn-model"


@needs_gcloud
def test_a_cluster_that_moved_is_followed(logged_in: Place, google: Google) -> None:
    assert logged_in.connect().code == 0
    google.endpoint = "gke-new.europe-west4.gke.goog"
    assert logged_in.states()["credentials"] == "change"
    assert logged_in.connect().code == 0
    assert "gke-new" in logged_in.config.read_text()
    assert "gke-abc" not in logged_in.config.read_text()


@needs_gcloud
def test_what_a_person_lacks_is_said_with_what_to_do(logged_in: Place, google: Google) -> None:
    assert logged_in.connect().code == 0
    google.endpoint = None
    missing = logged_in.connect()
    assert (missing.code, "mx infra apply" in missing.stderr) == (1, True), missing.stderr
    google.refusal = (403, 'Required "container.clusters.get" permission(s) for "projects/churn-model".')
    denied = logged_in.connect()
    assert "lacks the permission container.clusters.get in the project churn-model" in denied.stderr
    assert "roles/container.developer" in denied.stderr
    off = "Kubernetes Engine API has not been used in project churn-model before or it is disabled. container.googleapis.com"
    google.refusal = (403, off)
    disabled = logged_in.connect()
    assert "gcloud services enable container.googleapis.com --project churn-model" in disabled.stderr
    google.refusal, google.endpoint = None, "gke-abc.europe-west4.gke.goog"
    no_rights = logged_in.connect(env={"CAN": "1"})
    assert no_rights.code == 1
    assert "may not deploy in the namespace churn-model" in no_rights.stderr


@needs_gcloud
def test_nobody_is_logged_in(place: Place, tmp_path: Path) -> None:
    place.env["CLOUDSDK_CONFIG"] = str(tmp_path / "empty")
    done = place.connect()
    assert (done.code, "gcloud auth login" in done.stderr) == (1, True), done.stderr
    expired = place.connect("--account", "ada@example.com")
    assert "gcloud auth login ada@example.com" in expired.stderr
    assert place.config.read_text() == OTHERS


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (None, 4, "gcloud is missing"),
        ("echo 'Google Cloud SDK 495.0.0'", 4, "gcloud 495.0.0 is older than 496"),
        (
            "case $1 in --version) echo 'Google Cloud SDK 528.0.0';; *) echo rubbish;; esac",
            4,
            "printed no JSON",
        ),
        (
            "case $1 in --version) echo 'Google Cloud SDK 528.0.0';; *) echo 'ERROR: (gcloud.x) Disk full' >&2; exit 1;; esac",
            4,
            "failed: Disk full",
        ),
    ],
)
def test_a_gcloud_that_does_not_work_is_said(
    place: Place, script: str | None, code: int, said: str, tmp_path: Path
) -> None:
    if script:
        place.add("gcloud", f"#!/bin/sh\n{script}\n")
    for name in ("sh", "echo"):
        (place.bin / name).symlink_to(shutil.which(name) or name)
    done = place.connect(env={"PATH": str(place.bin)})
    assert (done.code, said in done.stderr) == (code, True), done.stderr
    assert place.config.read_text() == OTHERS


def test_a_gcloud_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    place.add("gcloud", "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Google Cloud SDK 528.0.0' || sleep 60\n")
    monkeypatch.setenv("PATH", f"{place.bin}:/usr/bin:/bin")
    with pytest.raises(gcloud.MxError, match=r"did not finish in 0\.5 seconds"):
        gcloud.run("auth", "list", timeout=0.5)


@pytest.mark.parametrize(
    ("said", "meaning", "remedy"),
    [
        (
            "ERROR: (gcloud.container.clusters.describe) There was a problem refreshing your current auth tokens: ('invalid_grant: Bad Request', {'error': 'invalid_grant'})",
            "login has expired",
            "gcloud auth login",
        ),
        (
            "ERROR: (gcloud.container.clusters.describe) You do not currently have an active account selected.",
            "Nobody is logged in",
            "gcloud auth login",
        ),
        (
            "ERROR: (gcloud.auth.application-default.print-access-token) Your default credentials were not found.",
            "Nobody is logged in",
            "gcloud auth login",
        ),
        (
            "ERROR: gcloud crashed (ConnectionError): HTTPSConnectionPool(host='container.googleapis.com', port=443): Max retries exceeded",
            "cannot be reached",
            "network",
        ),
        (
            "ERROR: (gcloud.services.enable) FAILED_PRECONDITION: Billing must be enabled for activation of services.",
            "churn-model has no billing account",
            "gcloud billing projects link churn-model",
        ),
        (
            "ERROR: (gcloud.container.clusters.describe) PERMISSION_DENIED: no",
            "may not do this in the project churn-model",
            "roles/container.developer",
        ),
    ],
)
def test_known_failures_have_a_sentence(said: str, meaning: str, remedy: str) -> None:
    error = gcloud.failure(("container", "clusters", "describe"), said, "churn-model")
    assert meaning in error.message
    assert remedy in str(error.hint)


def test_what_is_missing_is_named_and_other_rights_are_asked_of_an_owner() -> None:
    words = ("storage", "buckets", "describe")
    gone = gcloud.failure(words, "ERROR: (gcloud.storage.buckets.describe) gs://x not found: 404.", "p")
    assert (gone.missing, gone.message) == (True, "It is not there: gs://x not found: 404.")
    denied = gcloud.failure(words, "ERROR: PERMISSION_DENIED", "p")
    assert (denied.missing, denied.hint) == (
        False,
        "Ask an owner of the cloud project for a role that allows it.",
    )


def test_print_is_for_a_shell_and_does_nothing(place: Place) -> None:
    done = place.connect("--print", env={"PATH": str(place.bin)})
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "export CLOUDSDK_ACTIVE_CONFIG_NAME=mx-churn-model" in lines
    assert lines[-1] == (
        "gcloud container clusters get-credentials churn-model --location=europe-west4-b --project=churn-model "
        "--configuration=mx-churn-model --dns-endpoint"
    )
    assert place.config.read_text() == OTHERS


def test_a_cluster_of_ones_own_is_the_context_that_is_named(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    """With the real kubectl, on a real API server."""
    place = Place(tmp_path, "existing")
    theirs = control_plane.kubeconfig.read_text()
    place.config.write_text(theirs)
    (place.bin / "kubectl").unlink()
    blocked = place.connect()
    assert (blocked.code, "mx connect --context NAME" in blocked.stderr) == (1, True), blocked.stderr
    assert "no context nowhere" in place.connect("--context", "nowhere").stderr
    assert place.config.read_text() == theirs
    done = place.connect("--context", "mx-tests")
    assert done.code == 0, done.stderr
    assert place.kubeconfig["current-context"] == yaml.safe_load(theirs)["current-context"]
    assert place.states() == {"credentials": "done", "answers": "done"}


def test_files_that_a_context_names_are_found_from_the_first_kubeconfig_too(
    tmp_path: Path, control_plane: ControlPlane
) -> None:
    """With the real kubectl: relative to the file that names them, which is not the one that the project's context goes to."""
    place = Place(tmp_path, "existing")
    (place.bin / "kubectl").unlink()
    theirs = yaml.safe_load(control_plane.kubeconfig.read_text())
    company = tmp_path / "company"
    company.mkdir()
    cluster, user = theirs["clusters"][0]["cluster"], theirs["users"][0]["user"]
    (company / "ca.pem").write_bytes(Path(cluster["certificate-authority"]).read_bytes())
    cluster["certificate-authority"] = "ca.pem"
    (company / "token").write_text(user.pop("token"))
    user["tokenFile"] = "./token"
    theirs["contexts"][0]["name"] = "arn:aws:eks:eu-west-1:1:cluster/company"
    (company / "config").write_text(yaml.safe_dump(theirs))
    place.env["KUBECONFIG"] = os.pathsep.join([str(place.config), str(company / "config")])
    done = place.connect("--context", "arn:aws:eks:eu-west-1:1:cluster/company")
    assert done.code == 0, done.stderr
    assert "name: mx-churn-model" in place.config.read_text()
    place.env["KUBECONFIG"] = str(place.config)
    assert place.states() == {"credentials": "done", "answers": "done"}


def test_the_program_of_a_login_is_found_from_another_file_unless_it_is_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    for command, found in (("bin/login", str(tmp_path / "bin/login")), ("aws", "aws"), ("/bin/x", "/bin/x")):
        user = {"exec": {"command": command}}
        kubeconfig.put("mx-x", cluster={}, user=user, namespace="x")
        assert (kubeconfig.context("mx-x") or {})["user"] == {"exec": {"command": found}}


def test_a_kubeconfig_that_is_locked_or_broken_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    path.write_text(OTHERS)
    monkeypatch.setenv("KUBECONFIG", str(path))
    lock = tmp_path / "config.lock"
    lock.touch()
    with pytest.raises(kubeconfig.MxError, match="written by another program"):
        kubeconfig.put("mx-x", cluster={"server": "https://x"}, user={}, namespace="x")
    assert (path.read_text(), lock.exists()) == (OTHERS, True)
    lock.unlink()
    for text in (
        "- a list",
        "clusters: 7",
        "a: [",
        "clusters: [1]",
        "contexts: [{name: mx-x, context: text}]",
    ):
        path.write_text(text)
        with pytest.raises(kubeconfig.MxError, match=r"config"):
            kubeconfig.put("mx-x", cluster={"server": "https://x"}, user={}, namespace="x")
        assert path.read_text() == text
    path.unlink()
    kubeconfig.put("mx-x", cluster={"server": "https://x"}, user={"token": "1e5"}, namespace="x")
    assert kubeconfig.context("mx-x") == {
        "cluster": {"server": "https://x"}, "user": {"token": "1e5"}, "namespace": "x",
    }  # fmt: skip
    assert not lock.exists()


def test_training_goes_to_the_projects_own_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(tmp_path, "existing")
    config = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(config))
    config.write_text(OTHERS)
    assert target.context(place.root, None) is None
    own = "- {name: mx-churn-model, context: {cluster: theirs, user: theirs}}"
    config.write_text(OTHERS.replace("current-context", f"{own}\ncurrent-context"))
    assert target.context(place.root, None) == "mx-churn-model"
    assert target.context(place.root, "other") == "other"
