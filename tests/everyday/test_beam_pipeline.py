"""BeamPipeline: what it renders is right by the real tools, Beam runs it, and Dataflow would be asked for what it should be."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import fake_gcs
import pytest
from checks_checkov import run_checkov
from checks_kubernetes import check_manifests
from checks_terraform import check_terraform
from covering import BEAM, Row, label, rows
from everyday import add, python, start
from golden import files
from ml_environment import REQUIREMENTS, check_types, made

from mxdev import testing
from mxdev.generator import Values
from mxdev.testing import Outcome, mx
from mxdev_generators.beam_pipeline.image import requirement

ROWS = rows(BEAM)
JOBS = "infrastructure/kubernetes/pipelines"
COLUMNS = ("--column", "value:float", "--column", "label:string")


@pytest.fixture(scope="session")
def beam_python() -> Path:
    """A Python interpreter with what a project requires, and Apache Beam with Google's part."""
    project = cast(Values, SimpleNamespace(cloud="gcp", python="3.11"))
    return made("beam", (*REQUIREMENTS, requirement(project)))


@pytest.mark.parametrize("row", ROWS, ids=map(label, ROWS))
def test_every_choice_has_style_and_goes_without_a_trace(row: Row, tmp_path: Path) -> None:
    project = start(tmp_path, row["project"], f"--cloud={row['cloud']}")
    before = files(project)
    reads = ("--reads", row["reads"]) if "reads" in row else ()
    add(project, "BeamPipeline", row["instance"], "--kind", row["kind"], *reads)
    add(project, "BeamPipeline", "another", *COLUMNS)
    done = mx("lint", cwd=project)
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr
    if row["cloud"] == "gcp":
        assert not (project / JOBS).exists()
        assert check_terraform(project / "infrastructure/terraform") == []
    else:
        assert check_manifests(project / JOBS) == []
        # A Job's pod listens to nobody: it has no NetworkPolicy, as those of trainings have none.
        assert run_checkov(project / JOBS, "kubernetes", "CKV2_K8S_6").failed == []
    again = mx("generate", "BeamPipeline", "another", "--json", cwd=project)
    assert json.loads(again.stdout)["outcome"] == "nothing"
    gone = (f"BeamPipeline:{row['instance']}", "BeamPipeline:another")
    assert mx("destroy", *gone, "--no-input", cwd=project).code == 0
    assert files(project) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("raw",), "has a folder called raw for something else"),
        (("dev",), "has an image or a service called dev"),
        (("visits", "--reads", "/data"), "begins without a slash"),
        (("visits", "--reads", "visits"), "a folder that the pipeline writes to: visits"),
        (("visits", "--reads", "rejected/trips/1bb2"), "a folder that the pipeline writes to: rejected"),
        (("visits", "--reads", "dataflow"), "a folder that the pipeline writes to: dataflow"),
        (("visits", "--kind", "images", *COLUMNS), "--column is for tables"),
        (("visits", "--column", "a:int", "--column", "a:float"), "--column a is given twice"),
        (("visits", "--column", "a:date"), "types are float, int, bool and string"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[str, ...], says: str, refusing: Path) -> None:
    done = mx("generate", "BeamPipeline", *words, "--no-input", cwd=refusing)
    assert done.code == 2
    assert says in done.stderr.replace("\n", " ")


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return start(tmp_path_factory.mktemp("refusing"), "m1", "--cloud=existing")


def rendered() -> SimpleNamespace:
    """What the tests below depend on, for their notes."""
    skeleton = testing.render("MLProjectSkeleton", name="m1")
    parts = [skeleton]
    for name, kind in (("visits", "table"), ("photos", "images")):
        parts.append(testing.render("BeamPipeline", name=name, kind=kind))
    found = {path: file for part in parts for path, file in part.files.items()}
    return SimpleNamespace(files=found, sections=[one for part in parts for one in part.sections])


noted = pytest.mark.noted.with_args(rendered)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = start(tmp_path_factory.mktemp("beam"), "m1")
    add(project, "BeamPipeline", "visits")
    add(project, "BeamPipeline", "photos", "--kind", "images")
    return project


@noted
def test_their_own_tests_pass_and_their_types_are_right(beam_python: Path, written: Path) -> None:
    own = ("tests/test_visits.py", "tests/test_photos.py")
    done = python(beam_python, written, "-m", "pytest", "-q", "-p", "no:cacheprovider", *own)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "51 passed" in done.stdout
    check_types(beam_python, written)


@noted
@pytest.mark.parametrize(
    ("module", "right", "wrong", "red"),
    [
        ("version.py", "> job.most_rejected", "> 1", "too_much_that_is_bad"),
        ("pipeline.py", "sorted(found, key=itemgetter(0, 1))", "list(found)[:1]", "with_its_lineage"),
    ],
)
def test_their_own_tests_are_red_when_they_are_broken(
    beam_python: Path, written: Path, module: str, right: str, wrong: str, red: str
) -> None:
    path = written / "src/m1/visits" / module
    whole = path.read_text()
    assert right in whole
    path.write_text(whole.replace(right, wrong))
    own = ("-p", "no:cacheprovider", "tests/test_visits.py", "-k", red)
    done = python(beam_python, written, "-m", "pytest", "-q", *own)
    path.write_text(whole)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """The address of a stand-in for Google's storage with the project's bucket."""
    with fake_gcs.serving("acme-data") as address:
        yield address


def data(project: Path, beam_python: Path, bucket: str, storage: str, *words: str) -> Outcome:
    """What `mx data` does with a bucket."""
    given = ("--bucket", bucket, "--python", str(beam_python))
    done = mx("data", *words, *given, cwd=project, env={"STORAGE_EMULATOR_HOST": storage}, timeout=300)
    assert done.code == 0, done.stdout + done.stderr
    return done


def test_a_folder_and_a_bucket_get_the_same_version(
    beam_python: Path, written: Path, storage: str, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.csv").write_text("value,label\n" + "".join(f"{n},a\n" for n in range(30)) + "x,b\n")
    found = []
    for bucket in (str(tmp_path / "bucket"), "gs://acme-data"):
        data(written, beam_python, bucket, storage, "upload", str(raw), "--as", "raw/visits")
        done = data(written, beam_python, bucket, storage, "run", "visits", "--json")
        (step,) = json.loads(done.stdout)["steps"]
        assert (step["state"], step["result"]) == ("create", "done")
        folder = step["why"].rpartition(" becomes ")[2].removeprefix(f"{bucket}/")
        here = tmp_path / f"down-{len(found)}"
        data(written, beam_python, bucket, storage, "download", folder, "--to", str(here))
        lineage = json.loads((here / "lineage.json").read_text())
        assert lineage["counts"] == {"records": 30, "rejected": 1, "reasons": {"value is no float": 1}}
        found.append((folder, {path.name: path.read_bytes() for path in here.glob("*.parquet")}))
    assert found[0] == found[1]


DATAFLOW = """
import sys
from hydra import compose, initialize_config_dir
from m1.visits import config, pipeline, version
import apache_beam
from apache_beam.options.pipeline_options import PipelineOptions

folder, job_file, *words = sys.argv[1:]
config.register()
with initialize_config_dir(folder, version_base="1.3"):
    made = config.typed(compose("visits", words))
job = version.plan(made)
# As `run` does it, but the job is written down instead of sent.
options = [*pipeline.dataflow_options(job, made), "--no_auth", f"--template_location={job_file}"]
flow = apache_beam.Pipeline(runner="DataflowRunner", options=PipelineOptions(options))
pipeline.build(flow, job)
flow.run()
"""


def test_dataflow_is_asked_for_private_workers_in_the_image(
    beam_python: Path, written: Path, storage: str, tmp_path: Path
) -> None:
    """Beam's own runner makes the whole job and stages it; only the request to Dataflow is not sent."""
    import yaml

    place = yaml.safe_load((written / "infrastructure/pipelines.yaml").read_text())["pipelines"]["visits"][
        "dataflow"
    ]
    place = {**place, "image": "registry/visits:abc", "temporary": "gs://acme-data/dataflow/visits"}
    words = [f"dataflow.{name}={json.dumps(text)}" for name, text in place.items()]
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.csv").write_text("value,label\n1,a\n")
    data(written, beam_python, "gs://acme-data", storage, "upload", str(raw), "--as", "raw/other")
    conf, job_file = written / "src/m1/conf", tmp_path / "job.json"
    arguments = [conf, job_file, "bucket=gs://acme-data", "reads=raw/other", "runner=dataflow", *words]
    done = subprocess.run(
        [beam_python, "-c", DATAFLOW, *arguments], cwd=written, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(written / "src"), "STORAGE_EMULATOR_HOST": storage},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    environment: dict[str, Any] = json.loads(job_file.read_text())["environment"]
    (pool,) = environment["workerPools"]
    assert pool["ipConfiguration"] == "WORKER_IP_PRIVATE"
    assert pool["subnetwork"].endswith("projects/m1-project/regions/europe-west4/subnetworks/m1-nodes")
    assert {image["containerImage"] for image in pool["sdkHarnessContainerImages"]} == {"registry/visits:abc"}
    # Nothing is installed when workers start.
    assert pool.get("packages", []) == []
    assert environment["serviceAccountEmail"] == place["service_account"]
    assert place["service_account"].startswith("visits-beam-")
