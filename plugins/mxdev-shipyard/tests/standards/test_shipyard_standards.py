"""The standards: none red on a fresh project, and each red, with the right sentence, when it is broken on purpose."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mxdev.testing import mx
from shipyard_environment import NAME, project

from mxdev_shipyard.standards import catalogue, page
from mxdev_shipyard.standards.command import check
from mxdev_shipyard.standards.model import Standard

Break = Callable[[Path], object]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("fresh"))


@pytest.fixture
def repository(fresh: Path, tmp_path: Path) -> Path:
    shutil.copytree(fresh, tmp_path / NAME)
    return tmp_path / NAME


def snitch(folder: Path, *arguments: str) -> tuple[int, str, list[dict[str, Any]]]:
    """The exit code, what is printed, and the rows of the JSON report; within this process, because there are many."""
    report = folder.parent / "report.json"
    report.unlink(missing_ok=True)
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = check.main([str(folder), "--json", str(report), *arguments], standalone_mode=False)
    return code, told.getvalue(), json.loads(report.read_text())["tests"]


def write(path: str, text: str) -> Break:
    def broken(root: Path) -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    return broken


def swap(path: str, old: str, new: str) -> Break:
    def broken(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new))

    return broken


def committed(*paths: str, size: int = 3) -> Break:
    def broken(root: Path) -> None:
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        for path in paths:
            (root / path).write_bytes(b"x" * size)
        subprocess.run(["git", "add", "-f", "."], cwd=root, check=True)

    return broken


CI, SERVE, README = ".gitlab-ci.yml", "serve.py", "README.md"
PATH = "s3://shipyard-models/deploy-iris-model/models/1970-01-01T00:00:00Z"
KSERVE = "from kserve.errors"
BROKEN: dict[str, tuple[int, Break, str]] = {
    "no weights": (1, swap(CI, PATH, "none"), f"{CI}: no variable names the weights, s3://BUCKET/PROJECT/models/TIME"),
    "no time": (1, swap(CI, "1970-01-01T00:00:00Z", "v3"), f"{CI}: WEIGHTS ends in v3, which is no time"),
    "no zone": (1, swap(CI, "00:00:00Z", "00:00:00"), "WEIGHTS ends in 1970-01-01T00:00:00, which is no time"),
    "others' weights": (1, swap(CI, "/deploy-iris-model/", "/deploy-rose-model/"), "names weights of deploy-rose-model, and this is deploy-iris-model"),
    "deeper": (1, swap(CI, "00:00:00Z", "00:00:00Z/a/b"), "and not s3://BUCKET/PROJECT/models/TIME"),
    "no YAML": (1, write(CI, "a: [\n"), f"{CI}:2: it is no YAML"),
    "no train.py": (2, lambda root: (root / "train.py").unlink(), "train.py: it is missing"),
    "empty": (2, write("evaluate.py", " \n"), "evaluate.py: it is empty"),
    "no tests": (2, lambda root: (root / "tests/test_train.py").unlink(), "tests/test_train.py: it is missing"),
    "a range": (3, swap("requirements.txt", "kserve==0.21.0", "kserve>=0.21.0"), "kserve>=0.21.0 is not pinned to one version by =="),
    "a wildcard": (3, swap("requirements.txt", "kserve==0.21.0", "kserve==0.*"), "kserve==0.* is not pinned to one version by =="),
    "no hash": (3, write("requirements.txt", "# all\nddtrace==4.16.0\n"), "requirements.txt:2: ddtrace==4.16.0 has no hash"),
    "a branch": (3, write("requirements.txt", "kserve @ git+https://git.example.com/kserve\n"), "requirements.txt:1: kserve is no package with a version"),
    "no packages": (3, write("requirements.txt", "# none\n"), "requirements.txt: it names no package"),
    "no predict()": (4, swap(SERVE, "def predict(", "def foretell("), "IrisModel has no predict()"),
    "no load()": (4, swap(SERVE, "def load(", "def fetch("), "IrisModel has no load()"),
    "no model": (4, swap(SERVE, "(kserve.Model)", ""), f"{SERVE}: no class inherits from kserve.Model"),
    "another's Model": (4, swap(SERVE, "import kserve  #", "import other as kserve  #"), "no class inherits from kserve.Model"),
    "no Python": (4, write(SERVE, "class :\n"), f"{SERVE}:1: it is no Python"),
    "no OpenAPI": (5, write("openapi.yaml", "swagger: '2.0'\n"), "openapi.yaml: it is no description as OpenAPI 3 has them"),
    "no prediction": (5, swap("openapi.yaml", ":predict:", ":guess:"), "openapi.yaml: it has no path that ends in :predict or /infer"),
    "another model": (5, swap("openapi.yaml", "/v1/models/iris:predict", "/v1/models/rose:predict"), "/v1/models/rose:predict is not the path of the model iris"),
    "no answer": (5, swap("openapi.yaml", '        "200":\n          description: The answers', '        "201":\n          description: The answers'), "does not describe the answer 200"),
    "no request": (5, swap("openapi.yaml", "requestBody:", "x-body:"), "does not describe the request"),
    "untested": (5, swap("tests/test_serve.py", "schemathesis", "nothing"), "tests/test_serve.py: no test sends requests that schemathesis makes from openapi.yaml"),
    "a label": (6, swap("Dockerfile", "org.label-schema.vcs-ref", "org.label-schema.ref"), "Dockerfile: the image gets no label org.label-schema.vcs-ref"),
    "an empty label": (6, swap("Dockerfile", 'version="${VERSION}"', 'version=""'), "the image gets no label org.label-schema.version"),
    "a later stage": (6, lambda root: (root / "Dockerfile").write_text((root / "Dockerfile").read_text() + "FROM scratch\n"), "the image gets no label org.label-schema.build-date"),
    "a low gate": (7, swap("pyproject.toml", "fail_under = 85", "fail_under = 20"), "the least coverage is 20 %, and 80 % is wanted"),
    "no gate": (7, swap("pyproject.toml", "fail_under = 85\n", ""), "no least coverage is set"),
    "unmeasured": (7, swap("pyproject.toml", "--cov --cov-report=term-missing", ""), "pytest is not told to measure coverage"),
    "not ignored": (8, write("datasets/.gitignore", "\n"), ".gitignore: Git does not ignore datasets/"),
    "committed": (8, committed("weights/model.npz"), "weights/model.npz: it is committed, and what is in weights/ belongs into S3"),
    "large": (9, committed("big.bin", size=5_000_001), "big.bin: it has 5.0 MB, and 5 MB are the most"),
    "a key": (9, write("notes.txt", "\nkey: " + "AKIA" + "ABCDEFGHIJKLMNOP\n"), "notes.txt:2: there is a key of AWS in it"),
    "a private key": (9, write("id", "-----BEGIN RSA " + "PRIVATE KEY-----\n"), "id:1: there is a private key in it"),
    "a secret key": (9, write("env", "aws_secret_ACCESS_key: '" + "aB3/" * 10 + "'\n"), "env:1: there is a secret key of AWS in it"),
    "a key of Datadog": (9, write("env", "DD_API_KEY=" + "0a" * 16 + "\n"), "env:1: there is a key of Datadog in it"),
    "a token of Slack": (9, write("env", "T=" + "xoxb-" + "0123456789ab\n"), "env:1: there is a token of Slack in it"),
    "a token": (9, write("deploy.sh", "T=" + "glpat-" + "abcdefghij0123456789\n"), "deploy.sh:1: there is a token of GitLab in it"),
    "untraced": (10, swap(SERVE, "patch(fastapi=True)", "pass"), "it is not traced: kserve 0.21.0 answers by fastapi, and nothing patches that"),
    "old tracing": (10, swap(SERVE, "fastapi=True", "tornado=True"), "patch(tornado=True) traces nothing: kserve 0.21.0 answers by fastapi"),
    "switched off": (10, swap(SERVE, "fastapi=True", "fastapi=False"), "it is not traced"),
    "no tracer": (10, swap("requirements.txt", "ddtrace==", "ddtracer=="), "requirements.txt: ddtrace is not in it"),
    "a dead link": (11, swap(README, "(openapi.yaml)", "(api.yaml)"), "the link leads to api.yaml, which is not there"),
    "a dead heading": (11, swap(README, "# iris\n", "# iris\n\n[below](#nowhere)\n"), f"{README}:3: the link leads to the heading #nowhere"),
    "no address": (11, swap(README, "# iris\n", "# iris\n\n[page](https://TODO/x)\n"), "https://TODO/x is no address"),
    "not live": (11, swap(README, "/v1/models/iris", "/"), f"{README}: no link leads to the live model"),
    "another's live": (11, swap(README, "/v1/models/iris", "/v1/models/rose"), f"{README}: no link leads to the live model"),
    "no S3": (11, swap(README, "/data/", "/d/"), f"{README}: it does not say where s3://BUCKET/PROJECT/data/ is"),
}  # fmt: skip


def test_nothing_is_red_on_a_fresh_project(repository: Path) -> None:
    committed()(repository)
    code, told, rows = snitch(repository)
    assert code == 0, told
    assert {row["outcome"] for row in rows} == {"passed", "skipped"}
    assert all("out of reach" in row["message"] for row in rows if row["outcome"] == "skipped")
    assert {row["standard"] for row in rows} == set(range(1, 12))
    assert f"The standards are explained at {page.PLACE.as_uri()}" in told
    assert "artifact out of reach: the built image's configuration; give it by --image" in told


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_red(repository: Path, case: str) -> None:
    number, broken, sentence = BROKEN[case]
    broken(repository)
    code, told, rows = snitch(repository)
    assert code == 1, told
    red = [row for row in rows if row["outcome"] == "failed"]
    assert any(row["standard"] == number and sentence in row["message"] for row in red), told
    assert not [row for row in rows if row["outcome"] == "broken"], told
    assert sentence in told
    assert f"See: {page.PLACE.as_uri()}#standard-{number}" in told


def test_every_tested_standard_was_broken() -> None:
    assert {number for number, _, _ in BROKEN.values()} == {s.number for s in catalogue.own() if s.file}


SERVED = {
    "an alias of the module": "import kserve as ks\nclass A(ks.Model):\n    def load(self): ...\n    def predict(self): ...\n",
    "an alias of the class": "from kserve import Model as M\nclass A(M):\n    def load(self): ...\n    async def predict(self): ...\n",
    "an old server": "import kfserving\nclass A(kfserving.KFModel):\n    def load(self): ...\n    def predict(self): ...\n",
    "inheritance in the file": (
        "import kserve\nclass Base(kserve.Model):\n    def load(self): ...\n"
        "class Helper: ...\nclass A(Helper, Base):\n    def predict(self): ...\n"
    ),
    "a name of its own": "import kserve\nB = kserve.Model\nclass A(B):\n    def load(self): ...\n    def predict(self): ...\n",
    "what would fail if it ran": "raise SystemExit(1)\nimport kserve\nclass A(kserve.KFModel):\n    def load(self): ...\n    def predict(self): ...\n",
}


@pytest.mark.parametrize("case", SERVED)
def test_models_are_found_in_whatever_form(repository: Path, case: str) -> None:
    (repository / SERVE).write_text(SERVED[case])
    _, told, rows = snitch(repository)
    assert [row["outcome"] for row in rows if row["standard"] == 4] == ["passed"], told


def test_tornado_is_right_for_an_old_server(repository: Path) -> None:
    hashed = f" --hash=sha256:{'0' * 64}\n"
    (repository / "requirements.txt").write_text(f"kfserving==0.6.1{hashed}ddtrace==1.0.0{hashed}")
    _, told, _ = snitch(repository)
    assert "patch(fastapi=True) traces nothing: kfserving 0.6.1 answers by tornado" in told
    swap(SERVE, "fastapi=True", "tornado=True")(repository)
    _, told, rows = snitch(repository)
    assert {row["outcome"] for row in rows if row["standard"] == 10} == {"passed"}, told


def test_the_successors_of_the_labels_do(repository: Path) -> None:
    names = (
        "created",
        "description",
        "title",
        "url",
        "documentation",
        "revision",
        "source",
        "vendor",
        "version",
    )
    label = " ".join(f'org.opencontainers.image.{name}="x"' for name in names)
    (repository / "Dockerfile").write_text(f"FROM scratch\nLABEL {label}\n")
    assert snitch(repository)[0] == 0
    config = repository.parent / "image.json"
    labels = {f"org.opencontainers.image.{name}": "x" for name in names}
    config.write_text(json.dumps([{"Config": {"Labels": labels}}]))
    assert snitch(repository, "--image", str(config))[0] == 0
    config.write_text(json.dumps({"config": {"Labels": {**labels, "org.opencontainers.image.source": ""}}}))
    code, told, _ = snitch(repository, "--image", str(config))
    assert code == 1
    assert "image.json: the built image has no label org.label-schema.vcs-url" in told


def test_a_waiver_holds_until_its_day(repository: Path) -> None:
    BROKEN["no predict()"][1](repository)
    waiver = "waivers:\n  - standard: 4\n    reason: A new server comes in March.\n    until: {}\n"
    (repository / "standards.yaml").write_text(waiver.format("9999-12-31"))
    sarif = repository.parent / "found.sarif"
    code, told, rows = snitch(repository, "--sarif", str(sarif))
    assert code == 0, told
    assert "waived until 9999-12-31: A new server comes in March." in told
    assert [row["outcome"] for row in rows if row["standard"] == 4] == ["waived"]
    (found,) = json.loads(sarif.read_text())["runs"][0]["results"]
    assert (
        found["suppressions"][0]["justification"] == "waived until 9999-12-31: A new server comes in March."
    )
    (repository / "standards.yaml").write_text(waiver.format("2001-01-01"))
    code, told, _ = snitch(repository)
    assert code == 1
    assert "Its waiver ended on 2001-01-01: A new server comes in March." in told


@pytest.mark.parametrize(
    "waiver", ["{standard: 4, reason: x}", "{standard: 4, reason: '', until: 2030-01-01}", "{standard: 4, reason: x, until: soon}", "4"]
)  # fmt: skip
def test_what_is_no_waiver_is_told(repository: Path, waiver: str) -> None:
    (repository / "standards.yaml").write_text(f"waivers: [{waiver}]\n")
    told = mx("check", cwd=repository)
    assert told.code == 2
    assert "is no waiver" in told.stderr


def test_the_reports(repository: Path) -> None:
    BROKEN["no predict()"][1](repository)
    junit, sarif = repository.parent / "junit.xml", repository.parent / "found.sarif"
    snitch(repository, "--junit", str(junit), "--sarif", str(sarif))
    assert "IrisModel has no predict()" in junit.read_text()
    data = json.loads(sarif.read_text())
    (found,) = data["runs"][0]["results"]
    assert found["ruleId"] == "STANDARD-04"
    assert found["message"]["text"] == "IrisModel has no predict()"
    place = found["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == SERVE
    assert (
        "class IrisModel" in (repository / SERVE).read_text().splitlines()[place["region"]["startLine"] - 1]
    )


def test_a_repository_that_mx_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/README.md").write_text("# theirs\n")
    code, told, rows = snitch(tmp_path / "theirs")
    assert code == 1
    assert "serve.py: it is missing" in told
    assert not [row for row in rows if row["outcome"] == "broken"], told


STRANGE = {
    "shapes": {
        ".gitlab-ci.yml": "- a\n", SERVE: "class A(: pass\n", "openapi.yaml": "paths: 3\n", "Dockerfile": "FROM\nLABEL a\n",
        "pyproject.toml": "tool = 3\n", README: "[a](b c) [x]( ![]\n", "requirements.txt": "a==1 \\\n",
    },
    "deeper": {
        ".gitlab-ci.yml": "include: 3\nvariables: [a]\n", SERVE: "from kserve import Model as M\nclass A(M, metaclass=x): load = 3\n",
        "openapi.yaml": "paths: {'/v1/models/x:predict': {post: 3}}\n",
        "pyproject.toml": "[tool.coverage]\nreport = 3\n[tool.pytest]\nini_options = 3\n",
        "setup.cfg": "fail_under = 3\n", "tox.ini": "[coverage:report]\nfail_under = high\n",
    },
    "no text": {
        ".gitlab-ci.yml": "a: [\n", SERVE: "\udcff", "pyproject.toml": "[tool\n", "tox.ini": "[coverage:report]\nfail_under = high\n", "openapi.yaml": "- a\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("case", STRANGE)
def test_whatever_is_in_it_is_told_and_never_a_crash(tmp_path: Path, case: str) -> None:
    root = tmp_path / "theirs"
    root.mkdir()
    for path, text in STRANGE[case].items():
        (root / path).write_text(text, errors="surrogateescape")
    (root / "loop").symlink_to(root)
    (root / "dangling").symlink_to("/nowhere")
    os.mkfifo(root / "pipe")
    code, told, rows = snitch(root)
    assert not [row for row in rows if row["outcome"] == "broken"], told
    assert code == 1


def test_a_least_coverage_that_is_no_number_is_told(repository: Path) -> None:
    (repository / "tox.ini").write_text("[coverage:report]\nfail_under = high\n")
    assert "a least coverage is no number" in snitch(repository)[1]


def test_a_large_repository_is_no_reason_to_wait(repository: Path, tmp_path: Path) -> None:
    """In the processor's time, which other programs hardly change: a project of mx's takes less than a second, and 6,000 files not three times as long."""

    def cost(folder: Path) -> float:
        before = os.times()
        mx("check", cwd=folder)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "m.py").write_text("def f():\n    return 'x'\n" * 120)
    for at in range(6000):
        os.link(theirs / "m.py", theirs / f"m{at}.py")
    small, large = cost(repository), cost(theirs)
    assert small < 1, f"{small:.2f} s of CPU"
    assert large < 2.7 * small, f"{large:.2f} s of CPU, and {small:.2f} for a project of mx's"


def test_nothing_of_the_repository_runs(repository: Path) -> None:
    for path in ("conftest.py", "tests/conftest.py", "sitecustomize.py", "pytest.ini"):
        write(path, "raise SystemExit('it ran')\n")(repository)
    assert snitch(repository)[0] == 0


def test_mx_check_and_snitch_find_the_model(repository: Path, tmp_path: Path) -> None:
    told = mx("check", "-n", "iris", cwd=tmp_path)
    assert told.code == 0, told.stdout + told.stderr
    beside = mx("check", "-n", "iris", cwd=repository)
    assert beside.code == 0
    missing = mx("check", "-n", "rose", cwd=tmp_path)
    assert missing.code == 2
    assert f"There is no folder deploy-rose-model in {tmp_path} or beside it." in missing.stderr
    assert "Models in it: iris." in missing.stderr
    command = [sys.executable, "-c", "from mxdev_shipyard.standards.command import main; main()"]
    before = os.times().children_user
    alone = subprocess.run(
        [*command, "-n", "iris"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    used = os.times().children_user - before
    assert alone.returncode == 0, alone.stderr
    assert "The standards are explained at" in alone.stdout
    assert used < 1.5, f"{used:.2f} s of CPU"  # under a second on a machine of its own
    unknown = subprocess.run(
        [*command, "-n", "rose"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert unknown.returncode == 2
    assert "error: There is no folder deploy-rose-model" in unknown.stderr


def test_the_list_names_what_no_test_covers(tmp_path: Path) -> None:
    told = mx("check", "--list", cwd=tmp_path).stdout.splitlines()
    assert len(told) == len(catalogue.own())
    assert [line for line in told if "(no test covers it)" in line] == [
        " 12  A second person has looked at each release.  (no test covers it)"
    ]


def test_the_page_is_made_of_the_standards() -> None:
    assert page.PLACE.read_text("utf-8") == page.page(catalogue.own()), (
        "run python -m mxdev_shipyard.standards.page"
    )


def test_another_plugin_adds_a_standard(
    repository: Path, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mxdev.plugins import index

    site = tmp_path / "site"
    info = site / "acme_standards-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-standards\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[mxdev.v1]\nacme = acme_standards\n")
    (site / "acme_standards.py").write_text(
        "from mxdev import hookimpl, lazy\n@hookimpl\ndef mx_standards():\n    return [lazy('acme_owner:STANDARD')]\n"
    )
    (site / "acme_owner.py").write_text(
        "from mxdev_shipyard.standards.model import Standard, unmet\n"
        "STANDARD = Standard(101, 'It has an owner.', 'Somebody must answer.', 'Add OWNERS.', __file__)\n"
        "def test_owner(repository):\n    repository.has('OWNERS') or unmet('nobody owns it', 'OWNERS')\n"
    )
    monkeypatch.syspath_prepend(str(site))
    index.forget()
    try:
        code, told, rows = snitch(repository)
    finally:
        index.forget()
    assert code == 1
    assert "OWNERS: nobody owns it" in told
    assert [row["outcome"] for row in rows if row["standard"] == 101] == ["failed"]


ENDINGS = {
    "pytest.exit": "import pytest\n\n\ndef test_it(repository):\n    pytest.exit('done', returncode=0)\n",
    "os._exit": "import os\n\n\ndef test_it(repository):\n    os._exit(0)\n",
    "no test": "x = 1\n",
    "skipped whole": "import pytest\n\npytest.skip('not here', allow_module_level=True)\n",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_standard_without_a_result_is_not_green(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is one that did not run because another one ended the run."""
    files = {"test_a.py": ENDINGS[ending], "test_b.py": "def test_b(repository):\n    pass\n"}
    standards = []
    for number, (name, text) in enumerate(files.items(), 201):
        (tmp_path / name).write_text(text)
        standards.append(Standard(number, name, "-", "-", str(tmp_path / name)))
    monkeypatch.setattr(catalogue, "everything", lambda: standards)
    (tmp_path / NAME).mkdir()
    report = tmp_path / "report.json"
    code = check.main([str(tmp_path / NAME), "--json", str(report)], standalone_mode=False)
    assert code == 4
    rows = json.loads(report.read_text())["tests"]
    assert "broken" in {row["outcome"] for row in rows if row["standard"] == 201}, rows
    assert {row["standard"] for row in rows} == {201, 202}
    if ending != "os._exit":
        assert "Standard 201 was not checked: no test of it has a result" in capsys.readouterr().err
