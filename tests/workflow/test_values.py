"""Where a value comes from, and what is said about wrong and missing ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mxdev.errors import MxError, UsageProblem
from mxdev.generator.freetext import FreeText, reveal
from mxdev.generator.options import Option, Pattern, argument, option
from mxdev.project.records import flow
from mxdev.workflow.values import Sources, environment_name, read_values_file, resolve

NAME = option("--project-name", default="by default", help="A name.", ask=True)
PLACES = ["command_line", "file", "project", "environment", "ask"]


def quiet(**places: Any) -> Sources:
    return Sources(**{"environment": {}, **places})


@given(st.sets(st.sampled_from(PLACES)))
def test_precedence(places: set[str]) -> None:
    given: dict[str, Any] = {place: {"project-name": place} for place in places - {"environment", "ask"}}
    given["environment"] = {"MX_OPT_PROJECT_NAME": "environment"} if "environment" in places else {}
    given["ask"] = (lambda option, default: "ask") if "ask" in places else None
    result = resolve([NAME], Sources(**given, file_name="values.yaml"))
    winner = next((place for place in PLACES if place in places), "by default")
    assert reveal(result.typed["project_name"]) == winner
    assert result.stored == {"project-name": winner}
    said = {
        "command_line": "command line",
        "file": "values.yaml",
        "environment": "MX_OPT_PROJECT_NAME",
        "ask": "prompt",
    }
    assert result.origin == {"project-name": said.get(winner, winner.removeprefix("by "))}


def test_only_what_is_declared_so_is_asked() -> None:
    asked = []

    def ask(option: Option, default: Any) -> str:
        asked.append((option.name, default))
        return "typed"

    options = [
        NAME,
        option("--other", default="x"),
        option("--region", default=lambda v: v["other"], ask=True),
    ]
    result = resolve(options, quiet(ask=ask))
    assert [name for name, _ in asked] == ["project-name", "region"]
    assert reveal(result.typed["region"]) == "typed"
    assert reveal(asked[1][1]) == "x"


@pytest.mark.parametrize(("cloud", "expected"), [("gcp", ["cloud", "region"]), ("none", ["cloud"])])
def test_a_function_of_the_answers_says_what_is_asked(cloud: str, expected: list[str]) -> None:
    asked = []

    def ask(option: Option, default: Any) -> str:
        asked.append(option.name)
        return cloud

    options = [
        option("--cloud", type=click.Choice(["gcp", "none"]), ask=True),
        option("--region", default="here", ask=lambda values: values["cloud"] == "gcp"),
    ]
    result = resolve(options, quiet(ask=ask))
    assert asked == expected
    assert result.origin["region"] == ("prompt" if cloud == "gcp" else "default")


def test_a_function_that_cannot_say_what_is_asked_is_the_plugins_fault() -> None:
    options = [option("--region", default="here", ask=lambda values: values["cloud"])]
    asked = resolve(options, quiet(ask=lambda option, default: "typed"))
    assert asked.origin["region"] == "prompt"
    options = [option("--region", default="here", ask=lambda values: 1 / 0 > 1)]
    with pytest.raises(MxError, match=r"--region: whether it is asked for .* ZeroDivisionError"):
        resolve(options, quiet(ask=lambda option, default: "typed"))


def test_one_error_tells_all_that_is_wrong_and_all_that_is_missing() -> None:
    options = [
        option("--count", type=click.IntRange(1, 9), help="How many."),
        option("--domain", type=Pattern(r"[a-z.]+", "a DNS name"), help="Where."),
        option("--owner", help="Who."),
        argument("NAME", help="The name."),
        option("--made", default=lambda values: f"{values['name']}-x", help="Made."),
    ]
    with pytest.raises(UsageProblem) as caught:
        resolve(options, quiet(command_line={"count": "10"}, file={"domain": "A b"}, file_name="v.yaml"))
    lines = caught.value.message.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("--count (command line): 10 is not in the range 1<=x<=9")
    assert lines[1] == "--domain (v.yaml): 'A b': it must be a DNS name"
    assert lines[2] == "--owner is missing: Who. Set it by --owner VALUE, --values FILE or MX_OPT_OWNER."
    assert lines[3] == (
        "NAME is missing: The name. Give it on the command line, by --values FILE or MX_OPT_NAME."
    )
    assert caught.value.code == 2


def test_a_default_that_is_broken_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        resolve([option("--made", default=lambda values: values["nothing"])], quiet())


@pytest.mark.parametrize("place", ["environment", "project", "command_line", "file"])
def test_a_wrong_value_is_told_with_its_place(place: str) -> None:
    values = {"MX_OPT_SIZE": "x"} if place == "environment" else {"size": "x"}
    with pytest.raises(UsageProblem) as caught:
        resolve([option("--size", type=int, default=1)], quiet(**{place: values}))
    where = {
        "environment": "MX_OPT_SIZE",
        "project": "mx.yaml",
        "command_line": "command line",
        "file": "--values",
    }[place]
    assert f"--size ({where}" in caught.value.message


def test_a_secret_is_not_shown_when_it_is_wrong() -> None:
    with pytest.raises(UsageProblem) as caught:
        resolve([option("--pin", type=int, secret=True)], quiet(command_line={"pin": "hunter2"}))
    assert "hunter2" not in str(caught.value)


def test_a_default_cannot_be_made_from_a_secret() -> None:
    options = [
        option("--pin", type=int, secret=True),
        option("--made", default=lambda values: f"{dict(values)}"),
    ]
    result = resolve(options, quiet(command_line={"pin": "4711"}))
    assert "4711" not in reveal(result.typed["made"])
    assert result.typed["pin"] == 4711


def test_several_values_of_one_option() -> None:
    tags = option("--tag", multiple=True)
    assert resolve([tags], quiet()).typed == {"tag": ()}
    for sources in (
        quiet(command_line={"tag": ["a", "b"]}),
        quiet(file={"tag": ["a", "b"]}),
        quiet(environment={"MX_OPT_TAG": "a b"}),
        quiet(project={"tag": ("a", "b")}),
    ):
        result = resolve([tags], sources)
        assert reveal(result.typed["tag"]) == ("a", "b")
        assert result.stored == {"tag": ["a", "b"]}
    assert reveal(resolve([tags], quiet(file={"tag": "one"})).typed["tag"]) == ("one",)


@pytest.mark.parametrize("raw", [["a"], {"a": 1}, ()])
def test_one_value_is_not_several(raw: Any) -> None:
    with pytest.raises(UsageProblem, match="expected one value"):
        resolve([NAME], quiet(file={"project-name": raw}))


def test_nothing_is_a_value_only_where_it_is_the_default() -> None:
    with pytest.raises(UsageProblem, match="a value is required, and there is none"):
        resolve([NAME], quiet(file={"project-name": None}))
    port = option("--port", type=int, default=None)
    result = resolve([port], quiet())
    assert (result.typed, result.stored) == ({"port": None}, {"port": None})
    assert resolve([port], quiet(project=result.stored)).typed == {"port": None}
    assert resolve([port], quiet(command_line={"port": "3"})).stored == {"port": 3}


def test_an_old_name_is_understood_and_not_written() -> None:
    new = option("--workers", type=int, default=1, formerly="--nodes")
    for place in ("command_line", "file", "project"):
        result = resolve([new], quiet(**{place: {"nodes": 4}}))
        assert result.stored == {"workers": 4}
    assert resolve([new], quiet(project={"nodes": 4, "workers": 5})).stored == {"workers": 5}


KINDS: list[tuple[Option, Any]] = [
    (option("--text", default=""), st.text(st.characters(exclude_categories=["Cs"]))),
    (option("--int", default=1), st.integers()),
    (option("--float", type=float, default=1.0), st.floats(allow_nan=False, allow_infinity=False)),
    (option("--flag", is_flag=True), st.booleans()),
    (
        option("--choice", type=click.Choice(["a", "on", "3.10"]), default="a"),
        st.sampled_from(["a", "on", "3.10"]),
    ),
    (option("--many", multiple=True), st.lists(st.text(st.characters(exclude_categories=["Cs"])))),
]


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=[kind.name for kind, _ in KINDS])
def test_what_is_stored_gives_the_same_value_again(kind: Option, values: Any) -> None:
    @given(values)
    def check(value: Any) -> None:
        first = resolve([kind], quiet(command_line={kind.name: value}))
        stored = yaml.safe_load(flow(first.stored[kind.name]))
        again = resolve([kind], quiet(project={kind.name: stored}))
        assert again.typed == first.typed
        assert again.stored == first.stored

    check()


@pytest.mark.parametrize(
    ("kind", "text", "free"),
    [
        (option("--x"), "plain", True),
        (option("--x", type=click.Choice(["a", "b c"])), "a", False),
        (option("--x", type=click.Choice(["a", "b c"])), "b c", True),
        (option("--x", type=Pattern("[a-z]+", "letters")), "abc", False),
        (option("--x", type=Pattern(".*", "anything")), "a b", True),
        (option("--x", type=Pattern(".*", "anything")), "${a}", True),
        (option("--x", type=Pattern(".*", "anything")), "", False),
        (option("--x", type=click.Path()), "a", True),
        (option("--x", type=click.UNPROCESSED), "a", True),
    ],
)
def test_text_is_free_unless_its_form_is_harmless(kind: Option, text: str, free: bool) -> None:
    value = kind.convert(text)
    assert isinstance(value, FreeText) == free
    assert reveal(value) == text


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter):
        option("--x", type=float).convert(text)


def test_a_pattern_matches_the_whole_value() -> None:
    kind = option(
        "--x", type=Pattern("[a-z]+", "letters", check=lambda text: "taken" if text == "no" else None)
    )
    for wrong in ("a\n", "a b", "", "A", "abc1", "no"):
        with pytest.raises(click.BadParameter):
            kind.convert(wrong)


def test_the_variable_of_an_option() -> None:
    assert environment_name(option("--project-id").name) == "MX_OPT_PROJECT_ID"


# --- the file of values -----------------------------------------------------------------------------------------------


def test_a_values_file_in_yaml_or_json(tmp_path: Path) -> None:
    known = [option("--project-id"), option("--size", type=int), option("--tag", multiple=True)]
    path = tmp_path / "values"
    for text in (
        "project-id: a\nsize: 3\ntag: [x, y]\n",
        "--project-id: a\n--size: 3\n--tag: [x, y]\n",
        "project_id: a\nsize: 3\ntag: [x, y]\n",
        json.dumps({"project-id": "a", "size": 3, "tag": ["x", "y"]}),
    ):
        path.write_text(text)
        assert read_values_file(path, known) == {"project-id": "a", "size": 3, "tag": ["x", "y"]}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "a mapping"),
        (b"- a\n", "a mapping"),
        (b"a: [\n", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"when: 2024-13-45\n", "cannot be read"),
        (b"a: " + b"[" * 5000, "cannot be read"),
        (
            b"colour: red\nshape: x\nproject-id: a\n",
            "no option is called colour, shape; there are: project-id",
        ),
    ],
)
def test_a_values_file_that_is_none(tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "values.yaml"
    path.write_bytes(data)
    with pytest.raises(MxError, match=says) as caught:
        read_values_file(path, [option("--project-id")])
    assert str(path) in str(caught.value)


def test_a_name_that_the_project_has_is_of_the_form_and_checked_no_more() -> None:
    kind = Pattern("[a-z]+", "letters", check=lambda text: "it is taken" if text == "new" else None)
    name, other = argument("X", type=kind), option("--x", type=kind)
    for known in (quiet(project={"x": "new"}), quiet(command_line={"x": "new"}, accepted={"x": ["new"]})):
        assert resolve([name], known).typed == {"x": "new"}
    again = quiet(project={"x": "new"}, command_line={"x": "new"})
    assert resolve([name], again).typed == {"x": "new"}
    for place in ("command_line", "file"):
        with pytest.raises(UsageProblem, match="it is taken"):
            resolve([name], quiet(project={"x": "old"}, **{place: {"x": "new"}}))
    with pytest.raises(UsageProblem, match=r"letters\. Set another: `mx set x=VALUE`\.$"):
        resolve([name], quiet(project={"x": "A-B"}))
    # What can be changed is checked, whoever wrote it.
    with pytest.raises(UsageProblem, match="it is taken"):
        resolve([other], quiet(project={"x": "new"}))
