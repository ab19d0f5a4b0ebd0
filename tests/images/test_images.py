"""The table of images: every entry is well formed and rendered, and no other file names an image of others."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml
from golden import EXAMPLES

import mxdev_generators
from mxdev.generator import Values
from mxdev_generators.beam_pipeline import image as beam
from mxdev_generators.images.table import Image, for_python, image, repository, table

HOME = Path(mxdev_generators.__file__).parent
CHARTS = re.compile(r"oci://\S+")
# What a page tells a reader to write, and where a project's own images go.
OWN_REGISTRY = re.compile(r"ghcr\.io/(?:ORGANISATION|acme|\$)")
NAMED = re.compile(
    r"(?:docker\.io|ghcr\.io|quay\.io|gcr\.io|nvcr\.io|registry\.k8s\.io|public\.ecr\.aws|mcr\.microsoft\.com)/[a-z0-9]\S*"
)
FROM = re.compile(r"^ *FROM +(?:--platform=\S+ +)?(.+?)(?: AS .*)?$", re.MULTILINE)
SYNTAX = re.compile(r"^# *syntax=(.+)$", re.MULTILINE)
IMAGE = re.compile(r"^ *(?:- )?image: *([^\s#].*)$", re.MULTILINE)
# Made by the template's values, put in when it is submitted or built, a stage of the same file, or on the node already.
NOT_FOREIGN = re.compile(
    r"\{\{|:replaced-by-|^(?:base|python|requirements)$|^cos-nvidia-installer:fixed$|^str$|^\"\"$"
)
NO_DIGEST = "CKV_K8S_43=No digest of its image was known when this was rendered"


def named(text: str) -> list[str]:
    """The images of others that a template or a file of Python names by itself."""
    found = NAMED.findall(OWN_REGISTRY.sub("", CHARTS.sub("", text)))
    lines = [*FROM.findall(text), *SYNTAX.findall(text), *IMAGE.findall(text)]
    return found + [line for line in lines if not NOT_FOREIGN.search(line)]


def whole(image: str) -> str:
    """An image of Docker Hub with its registry, as the table has it."""
    first, slash, _ = image.partition("/")
    return f"docker.io/library/{image}" if not slash else image if "." in first else f"docker.io/{image}"


def test_every_entry_is_well_formed() -> None:
    for key, one in table().items():
        assert re.fullmatch(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[a-z0-9._-]+)+", one.name), key
        assert one.tag or key in ("cvat-kvrocks", "cvat-opa"), f"{key}: no tag, and no chart that says it"
        known = {bool(one.digest), one.date is not None, bool(one.source)}
        assert len(known) == 1, f"{key}: a digest has its date and its source, and nothing else has them"
        if one.digest:
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", one.digest), key
            assert type(one.date) is datetime.date, f"{key}: {one.date!r}"
            assert one.source in ("registry", "public repositories"), key
    digests = [one.digest for one in table().values() if one.digest]
    assert len(digests) == len(set(digests)), "two images cannot have one digest"


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12-slim",
        "FROM --platform=$PLATFORM alpine:3.20 AS small",
        "# syntax=docker/dockerfile:1",
        "      - image: redis:7",
        "          image: quay.io/acme/tool:1 # why",
        'IMAGE = "ghcr.io/mlflow/mlflow:v3"',
        "COPY --from=ghcr.io/astral-sh/uv:0.13 /uv /bin/",
    ],
)
def test_a_named_image_is_seen(text: str) -> None:
    assert named(f"first\n{text}\nlast\n")


def test_no_other_file_names_an_image() -> None:
    files = [
        path
        for path in HOME.rglob("*")
        if path.is_file() and path.parent != HOME / "images" and "__pycache__" not in path.parts
    ]
    assert len(files) > 300
    found = {
        str(path.relative_to(HOME)): names for path in files if (names := named(path.read_text("utf-8")))
    }
    assert found == {}, "images are named by images.toml alone"


def test_every_entry_is_used() -> None:
    """By a key in a file of Python; those of one family by the family's."""
    code = "".join(path.read_text("utf-8") for path in HOME.rglob("*.py"))
    families = {
        for_python(family, python): family
        for family in ("python", "python-slim", "beam-python")
        for python in ("3.11", "3.12", "3.13")
    }
    assert families.keys() <= table().keys()
    assert [key for key in table() if f'"{families.get(key, key)}"' not in code] == []


def test_what_belongs_together_has_one_version() -> None:
    assert table()["cvat-server"].tag == table()["cvat-ui"].tag


def test_a_pipeline_has_the_version_of_its_own_image(monkeypatch: pytest.MonkeyPatch) -> None:
    images = {f"beam-python{python}": Image("a.example/beam", f"2.{python}") for python in (311, 312, 313)}
    monkeypatch.setattr(beam, "table", lambda: images)
    found = [
        beam.requirement(cast(Values, SimpleNamespace(cloud=cloud, python=python)))
        for cloud, python in (("gcp", "3.11"), ("existing", "3.12"), ("existing", "3.13"))
    ]
    assert found == ["apache-beam[gcp]==2.311", "apache-beam==2.312", "apache-beam==2.313"]


def test_where_an_image_is_pulled_from() -> None:
    redis = table()["redis"].version
    assert image("redis", {"docker_mirror": ""}) == f"docker.io/library/redis:{redis}"
    assert image("redis", {"docker_mirror": ""}, short=True) == f"redis:{redis}"
    assert image("redis", {"docker_mirror": "mirror.gcr.io"}) == f"mirror.gcr.io/library/redis:{redis}"
    # Only Docker's own images are in its `library`.
    assert repository("cvat-server", {"docker_mirror": ""}) == "docker.io/cvat/server"
    assert repository("cvat-server", {"docker_mirror": ""}, short=True) == "cvat/server"
    assert repository("cvat-server", {"docker_mirror": "a.example/hub"}) == "a.example/hub/cvat/server"
    assert repository("uv", {"docker_mirror": "mirror.gcr.io"}) == "ghcr.io/astral-sh/uv"
    assert image("cvat-opa", {"docker_mirror": ""}) == "docker.io/openpolicyagent/opa"


def test_a_waiver_about_digests_stands_only_where_there_is_none() -> None:
    seen = 0
    for path in EXAMPLES.glob("*/infrastructure/kubernetes/**/*.yaml"):
        for text in path.read_text("utf-8").split("\n---\n"):
            if NO_DIGEST not in text:
                continue
            seen += 1
            images = [line for line in IMAGE.findall(text) if "/" in line]
            assert [line for line in images if "@sha256:" not in line], path
    assert seen


def test_the_example_pulls_by_digest_what_has_one() -> None:
    """Each reference in the rendered manifests and Dockerfiles is the table's, whole."""
    known = {one.name: one for one in table().values()}
    places = [*EXAMPLES.glob("*/infrastructure/kubernetes/**/*.yaml")]
    pulled = set()
    for path in places:
        for document in yaml.safe_load_all(path.read_text("utf-8")):
            pulled |= set(re.findall(r"'image': '([^']+)'", repr(document)))
    for path in EXAMPLES.glob("*/infrastructure/docker/*Dockerfile*"):
        text = path.read_text("utf-8")
        named = {one for one in [*FROM.findall(text), *SYNTAX.findall(text)] if ":" in one}
        assert len(named) >= 3, path
        pulled |= {whole(one) for one in named}
    foreign = {line for line in pulled if line.partition(":")[0] in known}
    seen = {line.partition(":")[0] for line in foreign}
    hub = "docker.io/library"
    assert {f"{hub}/redis", f"{hub}/postgres", "docker.io/docker/dockerfile", "ghcr.io/astral-sh/uv"} <= seen
    for line in (one for one in pulled if one.startswith(f"{hub}/python:")):
        versions = [entry.version for entry in table().values() if entry.name == f"{hub}/python"]
        assert line.partition(":")[2] in versions, line
        foreign.discard(line)
    for line in foreign:
        name, _, version = line.partition(":")
        assert version == known[name].version, line


def test_the_page_lists_the_table() -> None:
    page = (EXAMPLES.parent / "docs" / "image-sources.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\S+)` \| (\S.*) \| (\S.*) \|$", page, re.MULTILINE)
    assert rows == [
        (
            one.name,
            f"`{one.tag}`" if one.tag else "the chart's",
            f"{one.date}, {one.source}" if one.digest else "no",
        )
        for one in table().values()
    ]
