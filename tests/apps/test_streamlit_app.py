"""StreamlitApp: what it renders is right by the real tools, comes and goes without a trace, and shows a model in a browser."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from checks_checkov import run_checkov
from checks_kubernetes import check_devspace
from covering import PAGES, Row, label, rows
from golden import files
from ml_environment import REQUIREMENTS, check_types, made

from mxdev import testing
from mxdev.serve import served as serve
from mxdev.system.ports import free_port
from mxdev.testing import mx
from mxdev_generators.streamlit_app.generator import STREAMLIT

ROWS = rows(PAGES)
TASKS = ("image", "tabular", "text")
DOMAIN = "--domain=ml.example.com"
BROWSER = Path(__file__).with_name("browser.py")


def start(folder: Path, name: str, *options: str) -> Path:
    done = mx(
        "generate", "MLProjectSkeleton", name, *options, "--no-input", "--skip-git",
        cwd=folder, env={"MX_OPT_MX_SOURCE": "index"},
    )  # fmt: skip
    assert done.code == 0, done.stderr
    return folder / name


def add(project: Path, generator: str, *arguments: str) -> None:
    done = mx("generate", generator, *arguments, "--no-input", cwd=project)
    assert done.code == 0, done.stderr


def objects(project: Path, label: str) -> dict[str, dict[str, object]]:
    """The manifests of a page, by kind."""
    folder = project / "infrastructure/kubernetes/apps" / label
    return {
        one["kind"]: one for path in sorted(folder.iterdir()) for one in yaml.safe_load_all(path.read_text())
    }


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_it_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    given = [
        f"--{name.replace('_', '-')}={row[name]}" for name in ("cloud", "task", "pull_secret") if name in row
    ]
    project = start(tmp_path, row["project"], DOMAIN, *given)
    add(project, "DeploymentInfrastructure")
    before = files(project)
    for name in (row["instance"], "another"):
        add(project, "StreamlitApp", name, f"--audience={row['audience']}")
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    assert check_devspace(project / "devspace.yaml") == []
    done = mx("generate", "StreamlitApp", row["instance"], "--json", cwd=project)
    assert json.loads(done.stdout)["outcome"] == "nothing"
    done = mx("destroy", f"StreamlitApp:{row['instance']}", "StreamlitApp:another", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    assert files(project) == before


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two pages; tests look at it and leave it as it is."""
    root = start(tmp_path_factory.mktemp("pages"), "m1", DOMAIN)
    add(root, "StreamlitApp", "demo", "--audience=clients")
    add(root, "StreamlitApp", "demo_two", "--model=other", "--alias=production", "--host=second")
    return root


def test_every_page_has_a_host_an_audience_and_an_image_of_its_own(project: Path) -> None:
    hosts = yaml.safe_load((project / "infrastructure/hosts.yaml").read_text())["hosts"]
    assert {name: (one["app"], one["audience"]) for name, one in hosts.items()} == {
        "demo": ("demo", "clients"),
        "second": ("demo-two", "engineers"),
    }
    made = objects(project, "demo-two")
    container = made["Deployment"]["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    values = {one["name"]: one.get("value") for one in container["env"]}
    assert (values["MODEL_NAME"], values["MODEL_ALIAS"]) == ("other", "production")
    assert container["image"].endswith("/m1/demo-two:none")
    stages = re.findall(
        r"^FROM base AS (\S+)$", (project / "infrastructure/docker/Dockerfile").read_text(), re.M
    )
    assert stages == ["dev", "run", "demo", "demo-two"]


def test_nobody_reaches_a_page_but_the_gateway_and_a_websocket_stays(project: Path) -> None:
    made = objects(project, "demo")
    service, deployment = made["Service"]["spec"], made["Deployment"]["spec"]
    pod = deployment["template"]  # type: ignore[index]
    assert service["selector"].items() <= pod["metadata"]["labels"].items()  # type: ignore[index]
    assert pod["metadata"]["labels"]["sidecar.istio.io/inject"] == "true"
    (rule,) = made["NetworkPolicy"]["spec"]["ingress"]  # type: ignore[index]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"istio": "ingressgateway"}}}]
    (route,) = made["VirtualService"]["spec"]["http"]  # type: ignore[index]
    assert route["timeout"] == "3600s"
    assert route["route"][0]["destination"]["port"]["number"] == service["ports"][0]["port"]  # type: ignore[index]


def test_it_is_served_on_this_machine(project: Path) -> None:
    found = serve.read(project)
    assert sorted(found) == ["demo", "demo_two"]
    for name, one in found.items():
        assert (project / one.command[4]).is_file()
        assert one.command[4] == f"src/m1/{name}/page.py"
        assert {"--server.port={port}", "--server.address={host}"} <= set(one.command)
        assert one.requires == {"streamlit": STREAMLIT}


def test_security(project: Path) -> None:
    report = run_checkov(project / "infrastructure/kubernetes/apps", "kubernetes")
    assert report.failed == []
    assert {check for check, _ in report.waived} == {"CKV_K8S_15", "CKV_K8S_40", "CKV_K8S_43"}


def test_a_new_image_is_one_option(project: Path, tmp_path: Path) -> None:
    root = shutil.copytree(project, tmp_path / "m1")
    assert objects(root, "demo")["Deployment"]["spec"]["replicas"] == 0  # type: ignore[index]
    done = mx("set", "StreamlitApp:demo.tag=4f2a", "--json", cwd=root)
    changed = [one["path"] for one in json.loads(done.stdout)["changes"] if one["status"] == "update"]
    assert changed == ["infrastructure/kubernetes/apps/demo/app.yaml"], done.stdout + done.stderr
    assert "/m1/demo:4f2a\n" in (root / changed[0]).read_text()
    assert objects(root, "demo")["Deployment"]["spec"]["replicas"] == 1  # type: ignore[index]


def test_an_update_merges_with_what_a_person_wrote(project: Path, tmp_path: Path) -> None:
    root = shutil.copytree(project, tmp_path / "m1")
    page, app = root / "src/m1/demo/page.py", root / "infrastructure/kubernetes/apps/demo/app.yaml"
    page.write_text(page.read_text().replace("st.title(PROJECT)", 'st.title("Mine")'))
    app.write_text(app.read_text().replace("memory: 2Gi", "memory: 3Gi"))
    done = mx("set", "StreamlitApp:demo.alias=production", "--json", cwd=root)
    statuses = {change["path"]: change["status"] for change in json.loads(done.stdout)["changes"]}
    assert statuses["src/m1/demo/page.py"] == "merge"
    assert 'st.title("Mine")' in page.read_text()
    assert 'ALIAS = os.environ.get("MODEL_ALIAS", "production")' in page.read_text()
    assert "memory: 3Gi" in app.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run",), "the project has an image or a service called run already"),
        (("mlflow",), "mlflow stands for something in every project already"),
        (("Demo",), "did you mean demo?"),
        (("demo", "--tag=latest"), "latest is another image every day"),
        (("demo", "--audience=everybody"), "'everybody' is not one of"),
        (("third", "--host=second"), "hosts.second"),
        (("third", "--host=third.other.example.com"), "must be one label of a DNS name"),
    ],
)
def test_what_cannot_be_is_refused(project: Path, arguments: tuple[str, ...], says: str) -> None:
    before = files(project)
    done = mx("generate", "StreamlitApp", *arguments, "--no-input", cwd=project)
    assert done.code
    assert says in done.stderr
    assert files(project) == before


@pytest.mark.parametrize(
    ("options", "says"),
    [((), "`mx set domain=ml.example.com`"), (("--cloud=none",), "needs images and a cluster")],
)
def test_it_needs_a_cluster_and_a_domain(options: tuple[str, ...], says: str, tmp_path: Path) -> None:
    root = start(tmp_path, "m1", *options)
    done = mx("generate", "StreamlitApp", "demo", "--no-input", cwd=root)
    assert done.code == 2
    assert says in done.stderr


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    found = {}
    for task in TASKS:
        run = testing.render_all("StreamlitApp", name="demo", task=task, domain="ml.example.com")
        for one in run.renderings:
            if one.tree is not None:
                found.update({f"{task}/{path}": file for path, file in one.tree.files.items()})
    return SimpleNamespace(files=found, sections=())


noted = pytest.mark.noted.with_args(rendered)


@pytest.fixture(scope="session")
def page_python() -> Path:
    """An interpreter that has Streamlit beside what training needs."""
    return made("ml-streamlit", (*REQUIREMENTS, STREAMLIT))


def environment(project: Path) -> dict[str, str]:
    """Of a program of the project, with the store that the project has on a laptop."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    return {**kept, "PYTHONPATH": str(project / "src"), "MLFLOW_DISABLE_TELEMETRY": "true"}


def python(interpreter: Path, project: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [interpreter, *arguments], cwd=project, env=environment(project),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@noted
@pytest.mark.parametrize("task", TASKS)
def test_its_own_tests_pass_and_its_types_are_right(page_python: Path, task: str, tmp_path: Path) -> None:
    project = start(tmp_path, "m1", DOMAIN, f"--task={task}")
    add(project, "StreamlitApp", "demo")
    done = python(page_python, project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_demo.py")
    assert done.returncode == 0, done.stdout + done.stderr
    check_types(page_python, project)


def in_its_pod(project: Path, name: str) -> tuple[list[str], dict[str, str]]:
    """What the pod of a page runs, with which variables of its own."""
    deployment = objects(project, name)["Deployment"]
    container = deployment["spec"]["template"]["spec"]["containers"][0]  # type: ignore[index]
    given = [one for one in container["args"] if not one.startswith(("--server.port", "--server.address"))]
    values = {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("MODEL_")}
    return ["-m", *container["command"], *given, "--server.port={port}", "--server.address={host}"], values


def on_this_machine(project: Path, name: str) -> tuple[list[str], dict[str, str]]:
    """What `mx serve` runs."""
    first, *rest = serve.read(project)[name].command
    assert first == "python"
    return rest, {}


@contextlib.contextmanager
def served(interpreter: Path, project: Path, what: tuple[list[str], dict[str, str]]) -> Iterator[str]:
    """A page that runs on this machine; its address."""
    port = free_port("127.0.0.1", 18501)
    words = [word.replace("{port}", str(port)).replace("{host}", "127.0.0.1") for word in what[0]]
    server = subprocess.Popen(
        [interpreter, *words], cwd=project, env={**environment(project), **what[1]},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert healthy(f"http://127.0.0.1:{port}", "/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def healthy(address: str, path: str) -> bool:
    """Whether the probe's path answers within a minute."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(address + path, timeout=5) as answer:
            return bool(answer.status == 200)
        time.sleep(0.2)
    return False


@noted
def test_two_pages_in_a_browser(page_python: Path, tmp_path: Path) -> None:
    """A model that was trained and registered, two pages side by side, and a picture of what somebody sees who uploads a digit."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("chromium is not installed: `apt-get install chromium`")
    project = start(tmp_path, "m1", DOMAIN)
    for name in ("demo", "demo_two"):
        add(project, "StreamlitApp", name)
    training = ("training.epochs=8", "training.device=cpu", "registry.registered_model_name=m1")
    done = python(page_python, project, "-m", "m1.trainer", *training)
    assert done.returncode == 0, done.stdout + done.stderr
    drawing = tmp_path / "digit.png"
    done = python(page_python, project, "-c", DRAW, drawing)
    assert done.returncode == 0, done.stdout + done.stderr
    picture = tmp_path / "page.png"
    expected = done.stdout.split()
    with (
        served(page_python, project, in_its_pod(project, "demo")) as first,
        served(page_python, project, on_this_machine(project, "demo_two")) as second,
    ):
        done = python(page_python, project, BROWSER, chromium, first, picture, drawing)
        assert done.returncode == 0, done.stdout + done.stderr
        other = python(page_python, project, BROWSER, chromium, second, tmp_path / "second.png")
    said = done.stdout
    found = re.search(r"Prediction\s+(\d)\s+Confidence\s+(\d+\.\d)%", said)
    assert found, said
    assert found[1] == expected[0]
    # The picture has 256 levels of grey, and the data 17.
    assert float(found[2]) == pytest.approx(float(expected[1]), abs=3)
    assert re.search(r"accuracy on the test data\s+0\.9", said), said
    assert re.search(r"Version of the data\s+[0-9a-f]{64}", said), said
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "Version 1 of m1" in other.stdout, other.stdout + other.stderr


# Draws a digit that the training does not see, and prints what the model makes of it.
DRAW = """
import sys
from pathlib import Path
from PIL import Image
from hydra import compose, initialize_config_dir
from m1 import config
config.register()
with initialize_config_dir(str(Path(config.__file__).parent / "conf"), version_base="1.3"):
    task = config.trainer_config(compose("trainer")).task
image, _ = task.datasets().test[0]
pixels = (255 - image / 16 * 255).round().byte().numpy()
Image.fromarray(pixels).resize((256, 256), Image.Resampling.NEAREST).save(sys.argv[1])
from m1.demo import model
[found] = model.predict(model.load("m1", "candidate", "m1"), image[None])
print(found.label, 100 * found.confidence)
"""
