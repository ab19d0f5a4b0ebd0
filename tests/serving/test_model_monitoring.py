"""ModelMonitoring: what it renders is right by the real tools, comes and goes without a trace, and finds what is injected into a real log."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from checks_checkov import run_checkov
from checks_ci import check_tflint
from checks_kubernetes import check_devspace, check_manifests
from checks_terraform import check_terraform
from control_plane import build
from covering import MONITORING, Row, label, rows
from golden import files
from ml_environment import check_types, ml_python

from mxdev.serve import served as serve
from mxdev.testing import mx, render_all, text, write

__all__ = ["ml_python"]
ROWS = rows(MONITORING)
LONGEST = "a_name_of_thirty_characters_is"
DOMAIN = "--domain=ml.example.com"
RULES = "infrastructure/monitoring/scores-monitoring"
MANIFEST = "infrastructure/kubernetes/apps/scores-monitoring/monitor.yaml"


def options(row: Row) -> dict[str, Any]:
    """What the row says, and a log for a cloud that has no bucket of its own."""
    given = {key: value for key, value in row.items() if value is not None}
    if row["cloud"] == "existing":
        given.setdefault("request_log", "s3://acme-data/requests")
    return given


def start(folder: Path, name: str, *words: str) -> Path:
    done = mx(
        "generate", "MLProjectSkeleton", name, DOMAIN, *words, "--no-input", "--skip-git",
        cwd=folder, env={"MX_OPT_MX_SOURCE": "index"},
    )  # fmt: skip
    assert done.code == 0, done.stderr
    return folder / name


def add(project: Path, generator: str, *words: str) -> None:
    done = mx("generate", generator, *words, "--no-input", cwd=project)
    assert done.code == 0, done.stderr


def promtool(folder: Path, *arguments: str) -> str:
    """What promtool says; its first line with a failure fails the test."""
    done = subprocess.run(
        [build.tool("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_every_choice_is_right_by_the_real_tools(row: Row, tmp_path: Path) -> None:
    given = options(row)
    write(render_all("ModelMonitoring", domain="ml.example.com", **given), tmp_path)
    folder = tmp_path / "infrastructure/kubernetes/apps"
    assert check_manifests(folder) == []
    assert check_devspace(tmp_path / "devspace.yaml") == []
    assert run_checkov(folder, "kubernetes").failed == []
    (rules,) = (tmp_path / "infrastructure/monitoring").iterdir()
    assert "5 rules found" in promtool(rules, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml")
    assert "SUCCESS" in promtool(rules, "test", "rules", "alerts_test.yaml")


@pytest.mark.parametrize(
    ("name", "instance", "cloud"),
    [("m1", "aa", "existing"), ("a-name-of-forty-characters-is-as-long-as", LONGEST, "gcp")],
)
def test_it_has_style_and_goes_without_a_trace(name: str, instance: str, cloud: str, tmp_path: Path) -> None:
    project = start(tmp_path, name, f"--cloud={cloud}")
    add(project, "DeploymentInfrastructure")
    before = files(project)
    own = [] if cloud == "gcp" else ["--request-log=s3://acme-data/requests"]
    for one in (instance, "another"):
        add(project, "ModelMonitoring", one, *own)
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    done = mx("generate", "ModelMonitoring", instance, "--json", cwd=project)
    assert json.loads(done.stdout)["outcome"] == "nothing"
    both = (f"ModelMonitoring:{instance}", "ModelMonitoring:another")
    assert mx("destroy", *both, "--no-input", cwd=project).code == 0
    assert files(project) == before


@pytest.mark.parametrize("request_log", [None, "gs://acme-data/scores"])
def test_terraform(request_log: str | None, tmp_path: Path) -> None:
    given = {"request_log": request_log} if request_log else {}
    write(render_all("ModelMonitoring", name="scores", domain="ml.example.com", **given), tmp_path)
    folder = tmp_path / "infrastructure/terraform"
    assert check_terraform(folder) == []
    assert check_tflint(folder) == []
    assert run_checkov(folder, "terraform").failed == []


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an endpoint and its monitoring; tests look at it and leave it as it is."""
    root = start(tmp_path_factory.mktemp("monitoring"), "m1")
    add(
        root,
        "SeldonDeployment",
        "scores",
        "--request-log=gs://m1-project-m1-scores-log/requests",
        "--tag=4f2a",
    )
    add(root, "ModelMonitoring", "scores", "--tag=4f2a")
    return root


def objects(project: Path) -> dict[str, Any]:
    return {one["kind"]: one for one in yaml.safe_load_all((project / MANIFEST).read_text())}


def test_the_endpoint_may_write_where_it_does_and_the_monitoring_reads_there(project: Path) -> None:
    terraform = (project / "infrastructure/terraform/scores_monitoring.tf").read_text()
    named = re.search(
        r'name += "\$\{trimsuffix\(substr\(var.bucket_prefix, 0, \d+\), "-"\)\}(-\S+)"', terraform
    )
    assert named
    prefix = re.search(
        r'bucket_prefix += "(\S+)"', (project / "infrastructure/terraform/terraform.tfvars").read_text()
    )
    assert prefix
    bucket = prefix[1] + named[1]
    server = (project / "infrastructure/kubernetes/apps/scores/server.yaml").read_text()
    made = list(yaml.safe_load_all(server))
    endpoint = next(one["metadata"]["name"] for one in made if one["kind"] == "ServiceAccount")
    writes = (project / "infrastructure/terraform/served_scores.tf").read_text()
    assert f"/sa/{endpoint}" in writes
    assert f'bucket = "${{var.bucket_prefix}}{named[1]}"' in writes
    pod = objects(project)["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert f'_principals}}/{pod["serviceAccountName"]}"' in terraform
    environ = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    assert f"gs://{bucket}/requests" == environ["REQUEST_LOG"]
    assert environ["REQUEST_LOG"] in server
    settings = yaml.safe_load((project / "src/m1/conf/scores_monitoring.yaml").read_text())
    (served,) = (one for one in made if one["kind"] == "InferenceService")
    given = served["spec"]["predictor"]["containers"][0]["env"]
    assert {"name": "SERVED_NAME", "value": settings["endpoint"]} in given
    assert {"name": "MODEL_NAME", "value": settings["registered"]} in given


def test_the_metrics_of_rules_and_dashboard_are_those_that_are_written(project: Path) -> None:
    written = set(
        re.findall(r'"(monitoring_\w+)":', (project / "src/m1/scores_monitoring/metrics.py").read_text())
    )
    assert len(written) > 10
    for name in ("alerts.yaml", "dashboard.json"):
        read = set(re.findall(r"\bmonitoring_\w+", (project / RULES / name).read_text()))
        assert read - {"monitoring_"}
        assert read <= written


def test_the_dashboard_asks_what_prometheus_understands(project: Path, tmp_path: Path) -> None:
    """Each panel's expression, as a rule, by promtool; the variable stands for any version."""
    dashboard = json.loads((project / RULES / "dashboard.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(asked) == 9
    recorded = [{"record": f"panel:{number}", "expr": one.replace("$version", ".*")} for number, one in enumerate(asked)]  # fmt: skip
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert "9 rules found" in promtool(tmp_path, "check", "rules", "rules.yaml")
    places = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(places)) == len(places)


def test_an_alert_that_is_changed_fails_its_test(project: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(project / RULES, tmp_path / "rules")
    rules = folder / "alerts.yaml"
    rules.write_text(rules.read_text().replace('monitoring_attack{endpoint="scores"}) > 0', "vector(0)) > 0"))
    done = subprocess.run(
        [build.tool("promtool"), "test", "rules", "alerts_test.yaml"], cwd=folder, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 1, done.stdout
    assert "ModelUnderAttack" in done.stdout + done.stderr


def test_it_is_served_on_this_machine(project: Path) -> None:
    found = serve.read(project)["scores_monitoring"]
    assert found.command[2] == "m1.scores_monitoring.page"
    assert (project / "src/m1/scores_monitoring/page.py").is_file()
    assert found.requires == {}


def test_nothing_runs_before_there_is_an_image() -> None:
    for tag, suspended, pods in (("none", True, 0), ("4f2a", False, 1)):
        tree = (
            render_all("ModelMonitoring", name="scores", domain="ml.example.com", tag=tag).renderings[-1].tree
        )
        found = {
            one["kind"]: one["spec"] for one in yaml.safe_load_all(text(tree, MANIFEST)) if "spec" in one
        }
        assert (found["CronJob"].get("suspend", False), found["Deployment"]["replicas"]) == (suspended, pods)


def test_the_gateway_alone_opens_the_page_and_prometheus_has_its_own_port(project: Path) -> None:
    """STRICT lets nobody outside of the mesh speak to the page's ports: Prometheus reads the sidecar's, which merges the metrics."""
    found = objects(project)
    pod = found["Deployment"]["spec"]["template"]["metadata"]
    assert pod["labels"]["sidecar.istio.io/inject"] == "true"
    opening, scraping = found["NetworkPolicy"]["spec"]["ingress"]
    assert opening == {
        "from": [{"podSelector": {"matchLabels": {"istio": "ingressgateway"}}}],
        "ports": [{"protocol": "TCP", "port": 8090}],
    }
    assert scraping == {"ports": [{"protocol": "TCP", "port": 15020}]}
    assert pod["annotations"]["prometheus.io/port"] == "9090"


def test_an_update_merges_with_what_a_person_wrote(project: Path, tmp_path: Path) -> None:
    root = shutil.copytree(project, tmp_path / "m1")
    conf, manifest = root / "src/m1/conf/scores_monitoring.yaml", root / MANIFEST
    conf.write_text(conf.read_text().replace("psi: 0.2", "psi: 0.3"))
    manifest.write_text(manifest.read_text().replace("memory: 4Gi", "memory: 8Gi"))
    done = mx(
        "set",
        "ModelMonitoring:scores.every-hours=6",
        "ModelMonitoring:scores.model=other",
        "--json",
        cwd=root,
    )
    statuses = {one["path"]: one["status"] for one in json.loads(done.stdout)["changes"]}
    assert statuses[MANIFEST] == statuses["src/m1/conf/scores_monitoring.yaml"] == "merge", done.stderr
    assert "psi: 0.3" in conf.read_text()
    assert 'registered: "other"' in conf.read_text()
    assert "memory: 8Gi" in manifest.read_text()
    assert "7 */6 * * *" in manifest.read_text()


@pytest.mark.parametrize(
    ("own", "skeleton", "says"),
    [
        ((), ("--cloud=none",), "needs images and a cluster"),
        ((), ("--cloud=existing",), "--request-log is missing"),
        (("--every-hours=5",), (), "'5' is not one of"),
        (("--request-log=/tmp",), (), "a folder in a bucket"),
    ],
)
def test_what_cannot_be_is_refused(own: tuple[str, ...], skeleton: tuple[str, ...], says: str, tmp_path: Path) -> None:  # fmt: skip
    root = start(tmp_path, "m1", *skeleton)
    before = files(root)
    done = mx("generate", "ModelMonitoring", "scores", *own, "--no-input", cwd=root)
    assert done.code == 2, done.stdout
    assert says in done.stderr
    assert files(root) == before


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    found = {}
    for generator in ("ModelMonitoring", "SeldonDeployment"):
        for one in render_all(generator, name="scores", domain="ml.example.com").renderings:
            found.update(one.tree.files if one.tree is not None else {})
    return SimpleNamespace(files=found, sections=())


noted = pytest.mark.noted.with_args(rendered)


def python(
    interpreter: Path, project: Path, *arguments: str | Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return subprocess.run(
        [interpreter, *arguments], cwd=project, capture_output=True, text=True, check=False,
        env={**kept, "PYTHONPATH": str(project / "src"), "MLFLOW_DISABLE_TELEMETRY": "true", **environ},
    )  # fmt: skip


@noted
def test_its_own_tests_pass_and_its_types_are_right(ml_python: Path, project: Path) -> None:
    own = "tests/test_scores_monitoring.py"
    done = python(ml_python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider", own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "23 passed" in done.stdout
    check_types(ml_python, project)


# Asks the registered model about the data that nobody trained on, twice over a day, and writes requests and answers down as the
# server does; the second version of each image is darker.
ASK = """
import json, sys, time
from pathlib import Path
import mlflow, numpy as np
from hydra import compose, initialize_config_dir
from m1 import config
from m1.scores.request_log import RequestLog
config.register()
with initialize_config_dir(str(Path(config.__file__).parent / "conf"), version_base="1.3"):
    test = config.trainer_config(compose("trainer")).task.datasets().test
images = np.stack([test[number][0].numpy() for number in range(len(test))])
mlflow.set_tracking_uri(f"sqlite:///{Path('.mlflow/mlflow.db').resolve()}")
model = mlflow.pyfunc.load_model("models:/m1/1")
for name, asked in (("calm", images), ("drifted", images * np.float32(0.5))):
    log = RequestLog(name, room=len(asked))
    for number, (image, answer) in enumerate(zip(asked, model.predict(asked))):
        log.note({
            "id": str(number), "model": "scores", "version": "1",
            "inputs": [{"name": "x", "shape": [1, 8, 8], "data": image.ravel().tolist()}],
            "outputs": [{"name": "outputs", "shape": [1, 10], "data": np.asarray(answer).ravel().tolist()}],
        })
    log.close()
    Path(name, "labels").mkdir()
    lines = [json.dumps({"id": str(number), "labels": [int(test[number][1])]}) for number in range(len(asked))]
    Path(name, "labels", "all.jsonl").write_text("\\n".join(lines))
"""


@noted
def test_a_drift_that_is_injected_into_a_real_log_is_found_and_no_drift_is_not(
    ml_python: Path, project: Path, tmp_path: Path
) -> None:
    """Trained, asked, logged by the server's own log, compared; the report opened in a browser where there is one."""
    root = shutil.copytree(project, tmp_path / "m1")
    training = ("training.epochs=4", "training.device=cpu", "registry.registered_model_name=m1")
    done = python(ml_python, root, "-m", "m1.trainer", *training)
    assert done.returncode == 0, done.stdout + done.stderr
    done = python(ml_python, root, "-c", ASK)
    assert done.returncode == 0, done.stdout + done.stderr
    said = {}
    for name in ("calm", "drifted"):
        done = python(
            ml_python, root, "-m", "m1.scores_monitoring", REQUEST_LOG=name, RESULTS=f"found/{name}"
        )
        assert done.returncode == 0, done.stdout + done.stderr
        said[name] = done.stdout + done.stderr
    assert "has no profile of its data yet" in said["calm"]
    assert "has no profile of its data yet" not in said["drifted"]
    metrics = {name: (root / "found" / name / "metrics.prom").read_text() for name in said}
    # One minute has all of them: that is a flood, and rightly so; nothing else is found in what has not changed.
    assert re.findall(r"version 1: (?!\d)(?!a flood)(.*)", said["calm"]) == []
    assert "Kolmogorov-Smirnov distance" in said["drifted"]
    assert re.search(r'monitoring_drifted\{.*feature="x\[3,3\]"\} 1\.0', metrics["drifted"])
    assert not re.search(r"monitoring_drifted\{.*\} 1\.0", metrics["calm"])
    assert 'monitoring_labelled_rows{endpoint="scores",version="1"} 360.0' in metrics["calm"]
    done = subprocess.run(
        [build.tool("promtool"), "check", "metrics"], input=metrics["drifted"], capture_output=True, text=True, check=False
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("chromium is not installed: `apt-get install chromium`")
    shown = in_a_browser(chromium, root / "found/drifted/report.html", tmp_path / "report.png")
    assert "Look at this:" in shown
    assert shown.count("<rect") > 100
    assert (tmp_path / "report.png").stat().st_size > 20_000


def in_a_browser(chromium: str, page: Path, picture: Path) -> str:
    """What Chromium makes of a file; a picture of it, too."""
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={picture.parent / 'browser'}"]  # fmt: skip
    for wanted in (f"--screenshot={picture}", "--dump-dom"):
        done = subprocess.run(
            [chromium, *flags, "--window-size=1200,1600", wanted, page.as_uri()],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return done.stdout
