"""`mx graph`: what is in the picture of a rendered project, and that no name can be more than a name in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mxdev.deploy.endpoints import endpoints
from mxdev.graph import layout, mermaid, reading, svg, terraform
from mxdev.graph.model import Graph, Node
from mxdev.project.project import Project
from mxdev.testing import mx

EVERYTHING = Path(__file__).resolve().parents[2] / "examples" / "everything"
EVIL = ['"]; click n0 "javascript:alert(1)"', "<script>alert(1)</script>", "a]]>b", "&amp;", "end\nsubgraph x", "\u202eevil",
        "#quot;", "</text><text>", "%%{init: {}}%%", "`md`", "a --> b"]  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def everything() -> Graph:
    return reading.read(Project.load(EVERYTHING))


def arrows(graph: Graph, flow: str) -> set[tuple[str, str, str]]:
    names = {key: node.label for key, node in graph.nodes.items()}
    return {(names[edge.source], edge.label, names[edge.target]) for edge in graph.edges if edge.flow == flow}


def test_the_way_of_data_is_read_from_manifests_terraform_and_mlproject(everything: Graph) -> None:
    data = arrows(everything, "data")
    assert {
        ("trainer", "is in", "run"),
        ("report", "is in", "run"),
        ("run", "runs in", "train_job"),
        ("run", "runs in", "distributed_job"),
        ("run", "is kept in", "everything"),
        ("train_job", "runs and models", "mlflow"),
        ("train_job", "reads", "everything-data"),
        ("mlflow", "talks to", "postgresql"),
        ("mlflow", "reads and writes", "everything-artifacts"),
        ("database-backup", "adds, reads", "everything-backups"),
        ("everything-nodes", "pulls", "everything"),
    } <= data
    # The trainer has no right to any other bucket; a user of the database called mlflow is no server of that name.
    assert {target for source, _, target in data if source == "train_job"} == {"mlflow", "everything-data"}
    assert ("postgresql", "talks to", "mlflow") not in data


def test_each_part_is_of_the_instance_that_rendered_it(everything: Graph) -> None:
    owners = {node.label: node.owner for node in everything.nodes.values() if node.kind != "resource"}
    assert owners["distributed_job"] == owners["training-operator"] == "DistributedTraining"
    assert (owners["report"], owners["customers"]) == ("EntryPoint:report", "Dataset:customers")
    assert owners["mlflow"] == owners["everything-data"] == owners["trainer"] == "MLProjectSkeleton"
    requires = {(source, target) for source, label, target in arrows(everything, "uses") if label == "requires"}  # fmt: skip
    assert ("DistributedTraining", "MLProjectSkeleton") in requires
    assert ("DistributedTraining", "brings", "training-operator") in arrows(everything, "makes")
    assert ("train-infrastructure", "runs", "mlflow") in arrows(everything, "makes")


def test_copies_that_the_files_name_are_parts_and_what_a_value_decides_is_optional(everything: Graph) -> None:
    assert {f'google_storage_bucket.main["{name}"]' for name in ("data", "artifacts", "backups")} <= set(
        everything.nodes
    )
    assert everything.nodes["google_container_node_pool.gpu"].optional
    assert not everything.nodes["google_container_cluster.main"].optional
    gpu = {edge.target for edge in everything.edges if edge.source == "google_container_node_pool.gpu"}
    assert gpu == {"google_container_cluster.main", "google_service_account.nodes"}


def test_the_svg_is_well_formed_has_every_part_and_no_box_covers_another(everything: Graph) -> None:
    drawn = svg.draw(everything)
    assert drawn == svg.draw(everything)
    root = ElementTree.fromstring(drawn)
    assert {one.tag.removeprefix(SVG) for one in root.iter()} == {
        "svg", "title", "defs", "marker", "path", "rect", "text", "g"
    }  # fmt: skip
    boxes = [one.find(f"{SVG}rect") for one in root.iter(f"{SVG}g")]
    corners = {(int(box.get("x") or 0), int(box.get("y") or 0)) for box in boxes if box is not None}
    assert len(corners) == len(boxes) == len(everything.nodes)
    for x, y in corners:
        assert 0 <= x <= int(root.get("width") or 0) - 200
        assert 0 <= y <= int(root.get("height") or 0) - 40
        assert not [1 for a, b in corners if (a, b) != (x, y) and abs(a - x) < 200 and abs(b - y) < 40]
    texts = {one.text for one in root.iter(f"{SVG}text")}
    assert {"mlflow", "train_job", "everything-data", "DistributedTraining"} <= texts


def hostile() -> Graph:
    graph = Graph()
    for number, text in enumerate(EVIL):
        graph.add(Node(str(number), text, "job", text, text))
    for number, text in enumerate(EVIL[1:]):
        graph.join(str(number), str(number + 1), text, "data")
    return graph


def test_no_name_is_more_than_text_in_mermaid() -> None:
    quoted = r'"(?:[\w .,/()@+=-]|#\d+;)*"'
    line = re.compile(
        rf"flowchart LR|  end|  subgraph g\d+\[{quoted}\]|    n\d+\({quoted}\)|  n\d+ ==>(\|{quoted}\|)? n\d+"
    )
    drawn = mermaid.draw(hostile()).splitlines()
    assert [one for one in drawn if not line.fullmatch(one)] == []
    assert "#60;script#62;" in "\n".join(drawn)
    # Mermaid would take #quot; for a quotation mark.
    assert "#35;quot#59;" in "\n".join(drawn)


def test_no_name_is_more_than_text_in_svg() -> None:
    drawn = svg.draw(hostile())
    root = ElementTree.fromstring(drawn)
    assert not {one.tag for one in root.iter()} & {f"{SVG}script", f"{SVG}a"}
    titles = [one.text for group in root.iter(f"{SVG}g") for one in group.iter(f"{SVG}title")]
    assert "<script>alert(1)</script>: job, <script>alert(1)</script>" in titles
    assert "\u202e" not in drawn
    assert len(titles) == len(EVIL)


def test_circles_end_and_a_column_is_the_longest_way() -> None:
    graph = Graph()
    for key in "abcd":
        graph.add(Node(key, key, "workload"))
    for source, target in ("ab", "bc", "ac", "cb", "da"):
        graph.join(source, target)
    places = layout.arrange(graph).places
    assert {key: column for key, (column, _) in places.items()} == {"d": 0, "a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize(
    ("kind", "spec", "found"),
    [
        (
            "VirtualService",
            {
                "hosts": ["demo.example.com"],
                "http": [{"route": [{"destination": {"host": "demo.churn.svc.cluster.local"}}]}],
            },
            [("demo.example.com", ["demo"])],
        ),
        (
            "HTTPRoute",
            {"hostnames": ["a.example.com"], "rules": [{"backendRefs": [{"name": "api"}]}]},
            [("a.example.com", ["api"])],
        ),
        (
            "Ingress",
            {
                "rules": [
                    {"host": "b.example.com", "http": {"paths": [{"backend": {"service": {"name": "web"}}}]}}
                ]
            },
            [("b.example.com", ["web"])],
        ),
        ("Service", {"type": "LoadBalancer"}, [("thing", ["thing"])]),
        ("Service", {"type": "ClusterIP"}, []),
    ],
)
def test_what_the_world_reaches(kind: str, spec: object, found: object) -> None:
    assert list(endpoints({"kind": kind, "metadata": {"name": "thing"}, "spec": spec})) == found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that no generator made: what stands in it, a person wrote."""
    root = tmp_path / "churn"
    folder = root / "infrastructure" / "kubernetes" / "web"
    folder.mkdir(parents=True)
    (root / "mx.yaml").write_text("version: 1\noptions:\n  name: churn\n")
    (root / "devspace.yaml").write_text(
        "version: v2beta1\nname: churn\ndeployments:\n  web:\n    kubectl:\n      manifests:\n"
        "        - infrastructure/kubernetes/web/\n  mesh:\n    helm:\n      chart:\n        name: base\n"
    )
    (folder / "web.yaml").write_text(
        "kind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, selector: {app: web}}\n---\n"
        "kind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    metadata: {labels: {app: web}}\n"
        "    spec:\n      containers:\n        - name: web\n          env:\n"
        "            - {name: STORE, value: 's3://elsewhere/x'}\n"
    )
    return root


def test_what_a_person_wrote_is_drawn_too(project: Path) -> None:
    done = mx("graph", "--json", cwd=project)
    assert (done.code, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["version"], said["error"]) == (1, None)
    edges = {(edge["source"], edge["target"]) for edge in said["edges"]}
    assert edges == {
        ("deployment web", "Deployment/web"),
        ("endpoint web", "Deployment/web"),
        ("Deployment/web", "s3://elsewhere"),
    }
    assert {node["owner"] for node in said["nodes"]} == {""}
    assert {"kind": "deployment", "detail": "Helm chart base"}.items() <= next(
        node for node in said["nodes"] if node["label"] == "mesh"
    ).items()


def test_the_suffix_says_what_is_written(project: Path) -> None:
    inside = project / "infrastructure"
    for name, begins in (("a.svg", "<svg "), ("new/a.mmd", "flowchart LR\n"), ("a.json", '{"version": 1')):
        done = mx("graph", "--output", name, cwd=inside)
        assert (done.code, done.stdout) == (0, ""), done.stderr
        assert (inside / name).read_text().startswith(begins)
    assert mx("graph", cwd=project).stdout == (inside / "new/a.mmd").read_text()
    for arguments in (("--output", "a.png"), ("--output", "a.svg", "--json")):
        assert mx("graph", *arguments, cwd=project).code == 2
    done = mx("graph", "--output", "a.svg/b.svg", cwd=inside)
    assert done.code == 4
    assert "b.svg cannot be written" in done.stderr


def test_a_file_that_cannot_be_read_is_named_with_its_line(project: Path) -> None:
    folder = project / "infrastructure" / "terraform"
    folder.mkdir()
    (folder / "main.tf").write_text('resource "a_b" "c" {\n  x = 1\n  y = [\n}\n')
    done = mx("graph", cwd=project)
    assert done.code == 4
    assert re.search(r"infrastructure/terraform/main\.tf:[34] cannot be read as HCL", done.stderr)
    assert "terraform fmt" in done.stderr


def test_a_bucket_is_called_what_terraform_is_told_last(project: Path) -> None:
    folder = project / "infrastructure" / "terraform"
    folder.mkdir()
    (folder / "main.tf").write_text(
        'variable "bucket" {}\nresource "google_storage_bucket" "data" {\n  name = var.bucket\n}\n'
    )
    (folder / "terraform.tfvars").write_text('bucket = "first"\n')
    (folder / "terraform.tfvars.json").write_text('{"bucket": "of-json"}')
    assert [one.called for one in terraform.read(Project.load(project)).resources] == ["of-json"]
    (folder / "a.auto.tfvars.json").write_text('{"bucket": "last"}')
    assert [one.called for one in terraform.read(Project.load(project)).resources] == ["last"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name")
@pytest.mark.parametrize(
    "path", ["infrastructure/kubernetes/web/web.yaml", "infrastructure/terraform/main.tf", "devspace.yaml"]
)
def test_it_does_not_wait_for_a_pipe_in_the_place_of_a_file(path: str, project: Path) -> None:
    place = project / path
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    done = subprocess.run(
        [sys.executable, "-m", "mxdev", "graph"], cwd=project, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 4
    assert f"{path} cannot be read: it is a pipe or a device" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: Job\nmetadata: text\n", "`metadata` is no mapping"),
        ("kind: Job\nspec: [1]\n", "`spec` is no mapping"),
        ("&x {kind: Job, spec: {template: *x}}\n", "an alias stands for what it is in itself"),
        ("kind: Job\nspec: {a: !!bool maybe}\n", "it is no bool"),
        (f"kind: 0x{'f' * 5000}\n", "a number has more than 4000 digits"),
    ],
)
def test_a_manifest_that_is_no_object_is_named(text: str, says: str, project: Path) -> None:
    (project / "infrastructure/kubernetes/web/web.yaml").write_text(text)
    done = mx("graph", cwd=project)
    assert done.code == 4
    assert "infrastructure/kubernetes/web/web.yaml" in done.stderr
    assert says in done.stderr


def test_a_project_with_nothing_in_it_has_a_picture(tmp_path: Path) -> None:
    (tmp_path / "mx.yaml").write_text("version: 1\noptions: {}\n")
    assert mx("graph", cwd=tmp_path).stdout == "flowchart LR\n"
    mx("graph", "--output", "a.svg", cwd=tmp_path)
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag == f"{SVG}svg"
