"""The forms in which other people write what a standard asks for: none is taken for broken, and what hides behind one is seen."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mxdev import plugins
from mxdev.errors import MxError, UsageProblem
from mxdev.plugins import Announced

from mxdev_shipyard.standards import catalogue, reports, waivers
from mxdev_shipyard.standards.checks import s01_weights_path as s01
from mxdev_shipyard.standards.checks import s03_strict_pins as s03
from mxdev_shipyard.standards.checks import s04_kserve_model as s04
from mxdev_shipyard.standards.checks import s05_openapi as s05
from mxdev_shipyard.standards.checks import s06_image_labels as s06
from mxdev_shipyard.standards.checks import s07_coverage_gate as s07
from mxdev_shipyard.standards.checks import s09_no_large_files_no_secrets as s09
from mxdev_shipyard.standards.checks import s11_readme_links as s11
from mxdev_shipyard.standards.model import Repository, Standard, place_of, unmet
from mxdev_shipyard.standards.run import Result

METHODS = "    def load(self): ...\n    def predict(self): ...\n"
HASH = f"--hash=sha256:{'0' * 64}"
NEW = ("created", "description", "title", "url", "documentation", "revision", "source", "vendor", "version")
LABEL = "LABEL " + " ".join(f'org.opencontainers.image.{name}="x"' for name in NEW)
NO_LABEL = "the image gets no label org.label-schema.build-date"
PREDICT = "openapi: 3.1.0\npaths:\n  /v1/models/iris:predict:\n    post:\n"


def told(root: Path, check: Callable[[Repository], None], path: str, text: str | bytes) -> str:
    """What a check says of a repository with this file in it; empty: it is met."""
    (root / path).write_bytes(text.encode() if isinstance(text, str) else text)
    try:
        check(Repository(root))
    except pytest.fail.Exception as failure:
        return str(failure)
    return ""


SERVED = {
    "a star": "from kserve import *\nclass A(Model):\n" + METHODS,
    "a fallback": "try:\n import kserve\n class A(kserve.Model):\n  def load(self): ...\n  def predict(self): ...\nexcept ImportError:\n class A: ...\n",
    "a stand-in": "try:\n from kserve import Model\nexcept ImportError:\n Model = object\nclass A(Model):\n" + METHODS,
    "a condition": "import kserve\nclass A(kserve.Model):\n def load(self): ...\n if 1:\n  async def predict(self): ...\n",
    "another name": "import kserve\ndef f(self): ...\nclass A(kserve.Model):\n def load(self): ...\n predict = f\n",
    "a typed alias": "import kserve\nif 1:\n B: type = kserve.Model\nclass A(B):\n" + METHODS,
    "within a function": "import kserve\ndef f():\n class A(kserve.Model):\n  def load(self): ...\n  def predict(self): ...\n",
    "a mark at the start": b"\xef\xbb\xbfimport kserve\nclass A(kserve.Model):\n" + METHODS.encode(),
    "an old encoding": b"# coding: latin-1\n# \xe9\nimport kserve\nclass A(kserve.Model):\n" + METHODS.encode(),
}  # fmt: skip
UNSERVED = {
    "of a class within": ("import kserve\nclass A(kserve.Model):\n def load(self): ...\n class B:\n  def predict(self): ...\n", "serve.py:2: A has no predict()"),
    "a constant": ("import kserve\nclass A(kserve.Model):\n def load(self): ...\n predict = None\n", "A has no predict()"),
    "made by type": ("import kserve\nA = type('A', (kserve.Model,), {})\n", "no class inherits from kserve.Model"),
    "deep": ("x = " + "-" * 100_000 + "1\n", "serve.py: it is no Python: it is nested too deeply"),
    "wide": ("x = a" + ".b" * 100_000 + "\n", "serve.py: it is no Python: it is nested too deeply"),
    "no text": (b"\0", "it is no Python"),
    "empty": ("", "no class inherits from kserve.Model"),
}  # fmt: skip


@pytest.mark.parametrize("case", SERVED)
def test_a_model_in_another_form_is_found(tmp_path: Path, case: str) -> None:
    assert told(tmp_path, s04.test_inference_subclasses_kserve_s_model, "serve.py", SERVED[case]) == ""


@pytest.mark.parametrize("case", UNSERVED)
def test_what_is_no_model_is_told(tmp_path: Path, case: str) -> None:
    text, sentence = UNSERVED[case]
    assert sentence in told(tmp_path, s04.test_inference_subclasses_kserve_s_model, "serve.py", text)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("-i https://pypi.example.com/simple\n--extra-index-url=https://a.example.com\n-c limits.txt\n", ""),
        (f"uvloop==1.0 ; sys_platform != 'win32' {HASH}\n", ""),
        ("--requirement base.txt\n", "requirements.txt:1: --requirement base.txt brings packages that are not pinned here"),
        ("-r base.txt\n", "-r base.txt brings packages"),
        ("--editable=.\n", "--editable=. brings packages"),
        ("-e .\n", "-e . brings packages"),
    ],
)  # fmt: skip
def test_options_of_pip_that_bring_packages_are_seen(tmp_path: Path, more: str, sentence: str) -> None:
    text = f"{more}kserve==0.21.0 {HASH}\n"
    found = told(tmp_path, s03.test_every_package_is_pinned_with_hashes, "requirements.txt", text)
    assert sentence in found
    assert bool(found) is bool(sentence)


DESCRIBED = {
    "referred to": PREDICT + (
        "      requestBody: {$ref: '#/components/requestBodies/B~1C'}\n      responses: {'200': {$ref: '#/components/responses/R'}}\n"
        "components:\n  requestBodies: {B/C: {content: {a: {schema: {type: object}}}}}\n  responses: {R: {content: {a: {schema: {type: object}}}}}\n"
    ),
    "anchors": "x: &b {content: {a: {schema: {type: object}}}}\n" + PREDICT + "      requestBody: *b\n      responses: {200: {<<: *b}}\n",
}  # fmt: skip
UNDESCRIBED = {
    "a circle": (PREDICT + "      requestBody: {$ref: '#/a'}\na: {$ref: '#/a'}\n", "does not describe the request"),
    "a list": (PREDICT + "      requestBody: {content: {a: {schema: {a: b}}}}\n      responses: [a]\n", "does not describe the answer 200"),
    "no day": ("openapi: 3.1.0\nday: 2026-13-45\n", "it is no YAML: a value in it is none: month must be in 1..12"),
    "deep": ("[" * 3000 + "]" * 3000, "it is no YAML"),
    "code": ("a: !!python/object/apply:os.system ['false']\n", "openapi.yaml:1: it is no YAML"),
}  # fmt: skip


@pytest.mark.parametrize("case", DESCRIBED)
def test_a_description_in_another_form_is_read(tmp_path: Path, case: str) -> None:
    assert told(tmp_path, s05.test_the_prediction_is_described, "openapi.yaml", DESCRIBED[case]) == ""


@pytest.mark.parametrize("case", UNDESCRIBED)
def test_what_describes_nothing_is_told(tmp_path: Path, case: str) -> None:
    text, sentence = UNDESCRIBED[case]
    assert sentence in told(tmp_path, s05.test_the_prediction_is_described, "openapi.yaml", text)


def test_a_day_that_is_none_in_the_pipeline_is_told(tmp_path: Path) -> None:
    found = told(tmp_path, s01.test_weights_path_has_the_training_time, ".gitlab-ci.yml", "x: 2026-02-30\n")
    assert "it is no YAML: a value in it is none: day is out of range for month" in found


@pytest.mark.parametrize(
    ("dockerfile", "sentence"),
    [
        (f"FROM python AS base\n{LABEL}\nFROM base AS final\nRUN true\n", ""),
        (f"FROM --platform=linux/amd64 python as Base\n{LABEL}\nFROM scratch\nFROM BASE\n", ""),
        (f"FROM python AS base\n{LABEL}\nFROM other\nCOPY --from=base /a /a\n", NO_LABEL),
        (f"FROM python\nRUN <<EOF\n{LABEL}\nEOF\n", NO_LABEL),
        (f"FROM python\n{LABEL}\nCOPY <<-'EOF' /a\nFROM x\n\tEOF\n", ""),
        (f"FROM python\nRUN echo $((1<<x)) <<< y\n{LABEL}\n", ""),
        (f"FROM python\nRUN echo \"see <<EOF here\" 'or <<A'\n{LABEL}\n", ""),
        (f"FROM python\nRUN cat 'a b' <<\"A\" <<B\nA\n{LABEL}\nB\n", NO_LABEL),
        (f"FROM python\n{LABEL}\n".replace(" org", "\\\n\n  \n org"), ""),
        (f"FROM python\n{LABEL} \\\n", ""),
        (f"FROM python\n{LABEL}\n".replace("LABEL ", "label\t"), ""),
        (f"FROM python\n{LABEL}\n".replace(" org", "\\\n# why\n org").replace("\n", "\r\n"), ""),
        (f"# syntax=docker/dockerfile:1\n# escape=`\nFROM python\n{LABEL}\n".replace(" org", "`\n org"), ""),
    ],
)
def test_labels_are_read_as_docker_reads_them(tmp_path: Path, dockerfile: str, sentence: str) -> None:
    found = told(tmp_path, s06.test_the_dockerfile_gives_the_labels, "Dockerfile", dockerfile)
    assert sentence in found
    assert bool(found) is bool(sentence)


@pytest.mark.parametrize(
    ("readme", "sentence"),
    [
        ('<a id="here"></a>\n\n[b](#here)', ""),
        ("## A\n\n## A\n\n[b](#a-1)", ""),
        ("## A\n\n[b](#a-1)", "README.md:3: the link leads to the heading #a-1"),
        ("Below it\n--------\n\n[b](#below-it)", ""),
        ("## The `mx` [tool](a.md)\n\n[b](#the-mx-tool)", ""),
        ("## A & B\n\n[b](#a-b) [b](#a--b)", ""),
        (
            "```\n# no heading\n```\n[b](#no-heading)",
            "README.md:4: the link leads to the heading #no-heading",
        ),
        ("[b][x]\n\n[x]: nowhere.md", "README.md:3: the link leads to nowhere.md"),
        ("[^1]: no file", ""),
        ("[WIP]: not finished yet", ""),
        ("As it says in [1]: nothing.", ""),
        ("> [x]: <nowhere.md> 'a title'", "README.md:1: the link leads to nowhere.md"),
        ('[x]: nowhere.md "a title"', "README.md:1: the link leads to nowhere.md"),
        ("```mx check``` looks.\n\n[b](nowhere.md)", "README.md:3: the link leads to nowhere.md"),
        ("````python\n```\n[b](nowhere.md)\n````\n", ""),
        ("![b](nowhere.png)", "the link leads to nowhere.png"),
        ("[![b](a.md)](nowhere.md)", "the link leads to nowhere.md"),
        ("`[b](nowhere.md)`", ""),
        ("[b](http://[)", "README.md:1: http://[ is no address"),
        ("[b](" + "a" * 300 + ")", "which is not there"),
        ("[b](a%00b)", "which is not there"),
        ('[b](a.md "a title") [c](a(b).md) [d](<a b.md>) [e](a%20b.md)', ""),
        ("[b](mailto:ada@acme.example)", ""),
        ("[b](../outside.md)", "the link leads to ../outside.md"),
    ],
)
def test_links_are_read_as_a_page_shows_them(tmp_path: Path, readme: str, sentence: str) -> None:
    root = tmp_path / "deploy-iris-model"
    root.mkdir()
    for name in ("a.md", "a(b).md", "a b.md", "../outside.md"):
        (root / name).touch()
    found = told(root, s11.test_links_within_the_repository_lead_somewhere, "README.md", readme + "\n")
    assert sentence in found
    assert bool(found) is bool(sentence)


def test_a_least_coverage_that_is_no_number_of_percent_is_low(tmp_path: Path) -> None:
    text = "[tool.coverage.report]\nfail_under = nan\n"
    assert "the least coverage is nan %" in told(
        tmp_path, s07.test_the_gate_is_high_enough, "pyproject.toml", text
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("waivers: [{standard: 4, reason: x, until: 2026-02-30}]\n", "day is out of range for month"),
        ("waivers: [{standard: true, reason: x, until: 2026-02-20}]\n", "is no waiver"),
    ],
)
def test_what_is_no_waiver_is_told(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "standards.yaml").write_text(text)
    with pytest.raises(UsageProblem, match=sentence):
        waivers.read(tmp_path, frozenset({1, 4}))
    (tmp_path / "standards.yaml").write_text("waivers: [{standard: 4, reason: x, until: 2026-02-20}]\n")
    assert waivers.read(tmp_path, frozenset({4}))[4].until == datetime.date(2026, 2, 20)


def test_a_place_with_blanks_is_a_place_in_the_report() -> None:
    standard = Standard(9, "It is small.", "Why.", "Fix.", __file__)
    with pytest.raises(pytest.fail.Exception) as failure:
        unmet("there is a key: of AWS in it", "my notes/ä.txt", 2)
    assert str(failure.value) == "my notes/ä.txt:2: there is a key: of AWS in it"
    result = Result(standard, "test", "failed", str(failure.value), place_of(failure.value))
    (found,) = json.loads(reports.as_sarif([standard], [result]))["runs"][0]["results"]
    assert found["message"]["text"] == "there is a key: of AWS in it"
    place = found["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "my%20notes/%C3%A4.txt"}, "region": {"startLine": 2}}


@pytest.mark.parametrize(
    ("number", "file", "sentence"),
    [
        ("'101'", "__file__", "is no standard: its number is '101'"),
        ("101", "__file__ + 'x'", r"is no standard: there is no file .*acme_owner.pyx with its tests"),
        ("101", repr(s09.__file__), "is no standard: its file of tests is that of standard 9"),
        ("9", "__file__", "Standard 9 of the plugin acme-standards has the number of another"),
        ("1 / 0", "__file__", "cannot be loaded"),
    ],
)
def test_a_standard_of_a_plugin_that_would_not_be_tested_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, file: str, sentence: str
) -> None:
    text = f"from mxdev_shipyard.standards.model import Standard\nSTANDARD = Standard({number}, 'a', 'b', 'c', {file})\n"
    (tmp_path / "acme_owner.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "acme_owner", raising=False)
    announced = Announced("STANDARD", "", "acme_owner:STANDARD", "acme-standards", "1.0")
    monkeypatch.setattr(plugins, "entries", lambda _: [announced])
    with pytest.raises(MxError, match=sentence):
        catalogue.everything()
    # Not by monkeypatch, which would put it back for the tests after this one.
    sys.modules.pop("acme_owner", None)
