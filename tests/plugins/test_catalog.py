"""Generator names: spellings, suggestions, clashes, order."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from conftest import installed
from hypothesis import given
from hypothesis import strategies as st
from sites import make_distribution

from mxdev.errors import MxError, UsageProblem
from mxdev.plugins import catalog


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("MLProjectSkeleton", "ml-project-skeleton"),
        ("StreamlitApp", "streamlit-app"),
        ("GCPSpotPool", "gcp-spot-pool"),
        ("V2Api", "v2-api"),
        ("X", "x"),
    ],
)
def test_the_other_spelling(name: str, other: str) -> None:
    assert catalog.dashed(name) == other
    assert catalog.dashed(other) == other


def test_both_spellings_find_it(samples: Path) -> None:
    for name in ("SampleBase", "sample-base", "acme-samples/SampleBase", "acme-samples/sample-base"):
        assert catalog.find(name).target == "acme_samples.base:SampleBase"
    assert catalog.find("ml-project-skeleton").name == "MLProjectSkeleton"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("SampelBase", "SampleBase"),
        ("sample-bas", "SampleBase"),
        ("MLProject", "MLProjectSkeleton"),
        ("mlprojectskeletn", "MLProjectSkeleton"),
    ],
)
def test_a_wrong_name_suggests_the_nearest(samples: Path, name: str, near: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        catalog.find(name)
    assert caught.value.hint == f"Did you mean {near}?"


@pytest.mark.parametrize("name", ["", "zzzzzz", "/", "other/SampleBase", "a/b/c", "🧪", "\udcff"])
def test_a_name_that_is_near_to_nothing(samples: Path, name: str) -> None:
    with pytest.raises(UsageProblem, match="There is no generator called"):
        catalog.find(name)


TWIN = """
from mxdev import Generator, hookimpl, lazy
class SampleBase(Generator):
    "Another."
    def generate(self, tree):
        tree.file("twin.txt", "twin")
class NoGenerator: pass
@hookimpl
def mx_generators():
    return [SampleBase, lazy("twin_plugin:NoGenerator"), lazy("twin_plugin:Missing"), lazy("no_module:X")]
"""


@pytest.fixture
def twin(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_distribution(tmp_path / "twin", "twin-plugin", modules={"twin_plugin.py": TWIN})
    next(installed(tmp_path / "twin", monkeypatch))


@pytest.mark.usefixtures("twin")
def test_of_two_equal_names_neither_is_the_bare_one() -> None:
    names = catalog.available()
    assert {"acme-samples/SampleBase", "twin-plugin/SampleBase"} <= set(names)
    assert "SampleBase" not in names
    with pytest.raises(
        UsageProblem, match="in more than one plugin: acme-samples/SampleBase, twin-plugin/SampleBase"
    ):
        catalog.find("sample-base")
    assert catalog.find("twin-plugin/sample-base").dist == "twin-plugin"
    assert catalog.load(catalog.find("twin-plugin/SampleBase")).plugin == "twin-plugin"
    assert catalog.load(catalog.find("acme-samples/SampleBase")).plugin_version == "1.2.0"


@pytest.mark.usefixtures("twin")
def test_a_recorded_generator_is_found_in_its_own_plugin() -> None:
    assert catalog.load_recorded("SampleBase", "twin-plugin").plugin == "twin-plugin"
    assert catalog.load_recorded("SampleBase", "acme-samples").plugin == "acme-samples"


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize("name", ["NoGenerator", "Missing", "X"])
def test_what_is_announced_and_is_no_generator(name: str) -> None:
    with pytest.raises(MxError, match="twin-plugin") as caught:
        catalog.load(catalog.find(name))
    assert caught.value.code == 4


def test_a_recorded_generator_that_is_gone(samples: Path) -> None:
    with pytest.raises(MxError, match="acme-other, which renders X, is not installed") as caught:
        catalog.load_recorded("X", "acme-other")
    assert "pip install acme-other" in str(caught.value)


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefgh"), max_size=3)),
    st.randoms(),
)
def test_order_is_by_requirements_and_not_by_arrival(graph: dict[str, list[str]], chance: object) -> None:
    # Only earlier letters are required, so that there is no circle.
    requires = {name: [need for need in needs if need < name] for name, needs in graph.items()}
    names = list(requires)
    ordered = catalog.by_requirements(names, lambda name: requires[name])
    assert sorted(ordered) == sorted(names)
    for place, name in enumerate(ordered):
        assert all(need in ordered[:place] for need in requires[name] if need in names)
    chance.shuffle(names)  # type: ignore[attr-defined]
    assert catalog.by_requirements(names, lambda name: requires[name]) == ordered


def test_a_circle_is_told() -> None:
    with pytest.raises(MxError, match="in a circle: a, b"):
        catalog.by_requirements(["a", "b"], lambda name: ["b" if name == "a" else "a"])


def test_a_long_chain_of_requirements_is_ordered_at_once() -> None:
    names = [f"n{number:05}" for number in range(20_000)]
    start = time.process_time()
    ordered = catalog.by_requirements(
        reversed(names), lambda name: [f"n{int(name[1:]) - 1:05}"] if name != "n00000" else []
    )
    assert time.process_time() - start < 5
    assert ordered == names
