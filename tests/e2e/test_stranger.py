"""A repository from a stranger: what mx does in it runs nothing of it, and changes nothing beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from changing import World
from disks import snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from traps import Trap, lies, plain_git

from mxdev.artifacts import image
from mxdev.commands import resolve
from mxdev.flow.cluster.options import uncommitted
from mxdev.flow.rerun.checkout import checkout
from mxdev.generator.freetext import FreeText
from mxdev.generator.jinja import Renderer, RenderError
from mxdev.lint.files import select

READS = (("status",), ("diff",), ("lint",), ("update", "--dry-run"), ("resolve", "--dry-run"), ("plugins",))
SECRET = "hunter2-of-mine"


@pytest.fixture
def world(world: World) -> World:
    """A project that is committed, with a file that was renamed and one that is edited: Git is asked about it."""
    world.base.files = {"a.txt": "a\n" * 9, "b.txt": "b\n" * 9}
    world.base.sections = [("devspace.yaml", "vars.A", 1)]
    world.start()
    world.commit()
    world.git("mv", "b.txt", "c.txt")
    world.edit("a.txt", "a\n", "A\n")
    return world


@pytest.fixture(params=["trap", "bare", "lies", "all"])
def hostile(
    world: World, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[World, Trap]]:
    trap = Trap(tmp_path / "trap")
    if request.param in ("bare", "all"):
        (world.root / "inner").mkdir()
        trap.bury(world.root / "inner")
    if request.param in ("trap", "all"):
        trap.arm(world.root)
    if request.param in ("lies", "all"):
        for name, value in lies(tmp_path / "another").items():
            monkeypatch.setenv(name, value)
    yield world, trap
    assert trap.ran == "", trap.ran


def test_what_reads_runs_nothing_and_answers_the_same(hostile: tuple[World, Trap]) -> None:
    world, _ = hostile
    for command in READS:
        assert world.mx(*command).code in (0, 1), command
    assert world.status()["renamed"] == {"b.txt": "c.txt"}


def test_every_caller_of_git(hostile: tuple[World, Trap]) -> None:
    world, _ = hostile
    root = world.root
    head = plain_git(root, "-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null", "rev-parse", "HEAD")
    assert image._git_commit(root) == f"{head}-changed"
    assert "a.txt" in uncommitted(root)
    assert resolve._base(root, "a.txt") is None
    listed = {path.relative_to(root).as_posix() for path in select([], root).files}
    assert {"a.txt", "c.txt", "mx.yaml"} <= listed
    with checkout(root, head, b"", filters=False) as folder:
        assert (folder / "a.txt").read_text() == "a\n" * 9


def test_a_project_that_is_itself_a_bare_repository(world: World, tmp_path: Path) -> None:
    """As a clone brings it: the outer repository is the real one."""
    trap = Trap(tmp_path / "trap")
    outer = tmp_path / "outer"
    outer.mkdir()
    (world.root / ".git").rename(outer / "git-of-the-project")
    world.root.rename(outer / "demo")
    world.root = outer / "demo"
    plain_git(outer, "init", "--quiet")
    plain_git(outer, "add", "demo")
    plain_git(outer, "commit", "--quiet", "-m", "x")
    trap.bury(world.root)
    (world.root / "a.txt").unlink()
    for command in READS:
        assert world.mx(*command).code in (0, 1), command
    assert trap.ran == ""


def test_generating_in_a_folder_with_lies(
    tmp_path: Path, specs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from changing import call

    for name, value in lies(tmp_path / "another").items():
        monkeypatch.setenv(name, value)
    before = snapshot(tmp_path / "another")
    made = call("generate", "MLProjectSkeleton", "new", "--no-input", cwd=tmp_path)
    assert made.code == 0, made.err
    assert (tmp_path / "new/.git/HEAD").is_file()
    assert snapshot(tmp_path / "another") == before


# --- templates ---------------------------------------------------------------------------------------------------------

# What has been a way out of a sandbox somewhere; none may give the secret, or anything but an error or harmless text.
WAYS = [
    "{{ d.format(cycler) | md }}", "{{ d.format_map({'0': cycler}) | md }}", "{{ ('{0.__class__}' | attr('format'))(cycler) }}",
    "{{ cycler.__init__.__globals__ }}", "{{ cycler | attr('__init__') }}", "{{ self.__dict__ }}", "{{ lipsum }}",
    "{{ ''.__class__.__mro__ }}", "{{ [cycler] | map(attribute='__init__.__globals__') | list }}", "{{ d | attr('_FreeText__text') }}",
    "{{ d._FreeText__text }}", "{{ d.upper.__globals__ }}", "{{ d.upper.__closure__ }}", "{{ namespace.__init__ }}",
    "{{ '{0.__init__.__globals__[os].environ}'.format(cycler) }}", "{{ '{0.__init__}' | format(cycler) }}",
    "{{ [('{0.__init__}')] | map('format', cycler) | list }}", "{% include '/etc/passwd' %}", "{% import 'os' as os %}{{ os }}",
    "{{ range.__self__ }}", "{{ (d ~ '{0.__class__}').format(cycler) | md }}", "{{ ('%s' % d).format(cycler) | md }}",
    "{{ d.join([d]).format(cycler) | md }}", "{{ (d | upper).format(cycler) | md }}", "{{ (d * 2).format(cycler) | md }}",
    "{{ 10 ** 10 ** 9 }}", "{{ 'x' * 10 ** 12 }}", "{{ [0] * 10 ** 12 }}", "{{ d * 10 ** 12 }}", "{{ range(10 ** 9) | list }}",
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "typed",
    [
        "{0.__init__.__globals__[os].environ}",
        "{0.__init__}",
        "{0[__init__]}",
        "{:{}}",
        "{0:>99999999999}",
        "{0!r:{1}}",
    ],
)
def test_no_way_out_of_a_template(way: str, typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MX_SECRET", SECRET)
    try:
        text = Renderer({"d": FreeText(typed)}).render(way, "t")
    except RenderError:
        return
    for trace in (SECRET, "environ(", "<function", "<module", "__globals__': "):
        assert trace not in text, text


# --- fuzz ---------------------------------------------------------------------------------------------------------------

# Bounded here; by hand for as long as wanted: MX_FUZZ=20000 pytest tests/e2e/test_stranger.py -k fuzz
ROUNDS = int(os.environ.get("MX_FUZZ", "25"))
FUZZ = settings(max_examples=ROUNDS, derandomize="MX_FUZZ" not in os.environ, database=None, deadline=None)
ODD = st.sampled_from([
    "", "..", "../x", "/etc/passwd", ".git/config", ".mx/lock", "a\0b", "\x1b[2J", "\u202e", "x" * 300, "null", "~", "2024-01-01", "5",
    "!!python/object/apply:os.system [id]", "&a [*a]", "{" * 50, "[" * 5000, "- " * 2000, "<<: *x", "\t", "'", '"', "%", "{{ d }}", "{0.__class__}",
])  # fmt: skip
STATE = (".mx/generators/WorldBase.yaml", "mx.yaml", "devspace.yaml", ".mx/pristine/WorldBase/devspace.yaml.sections.pristine",
         ".mx/overrides/devspace.yaml", ".mx/overrides/WorldBase/a.txt")  # fmt: skip


@st.composite
def damages(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    """A file of the project, and what is put in place of which stretch of it."""
    edit = st.tuples(st.integers(0, 2000), st.integers(0, 60), st.one_of(ODD, st.text(max_size=20)))
    return draw(st.sampled_from(STATE)), draw(st.lists(edit, min_size=1, max_size=4))


def test_fuzz_what_a_stranger_wrote(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bug in mx, nothing printed that steers a terminal, nothing beside the project changed, no secret anywhere."""
    monkeypatch.setenv("MX_SECRET", SECRET)
    good = {path: world.read(path) for path in STATE if world.has(path)}
    outside = {
        path: what for path, what in snapshot(world.root.parent).items() if not path.startswith("demo")
    }

    @FUZZ
    @given(
        damages(),
        st.sampled_from(
            [*READS, ("update",), ("update", "--on-conflict", "keep"), ("destroy", "WorldBase", "--dry-run")]
        ),
    )
    def attack(damage: tuple[str, list[tuple[int, int, str]]], command: tuple[str, ...]) -> None:
        for path, data in good.items():
            world.write(path, data)
        path, edits = damage
        text = good.get(path, b"vars: {}\n").decode()
        for at, length, new in edits:
            at %= len(text) + 1
            text = text[:at] + new + text[at + length :]
        world.write(path, text.encode("utf-8", "surrogatepass"))
        answer = world.mx(*command, "--no-input") if command[0] == "update" else world.mx(*command)
        said = answer.out + answer.err
        assert answer.code != 3, said
        assert SECRET not in said
        assert not any(character in said for character in "\x1b\x07\x08\u202e\u2066")
        now = {
            path: what for path, what in snapshot(world.root.parent).items() if not path.startswith("demo")
        }
        assert now == outside

    attack()


@FUZZ
@given(st.text(max_size=40), st.lists(st.sampled_from([
    "{{ d", " | md", " | yaml", " }}", ".format(cycler)", ".upper()", " ~ d", " + d", "[0]", "{% for x in d %}", "{% endfor %}", "| attr('x')",
    " | map('upper')", " | list", " | join", "cycler", "__class__", ".__init__", "{0.__init__.__globals__}", "(", ")", "|", "'", " % d",
]), max_size=12))  # fmt: skip
def test_fuzz_templates(typed: str, parts: list[str]) -> None:
    os.environ["MX_SECRET_OF_FUZZ"] = SECRET
    try:
        text = Renderer({"d": FreeText(typed)}).render("".join(parts), "t")
    except RenderError:
        return
    assert SECRET not in text
    assert "<module" not in text
