"""`mx diff`: applied by the real Git onto a fresh rendering it gives the project as the person left it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from acme_world import SPECS
from changing import World
from disks import memory
from hypothesis import given, settings
from hypothesis import strategies as st

SECTIONS = [
    ("s.yaml", "version", 1),
    ("s.yaml", "apps.base", {"size": 1, "more": [1, 2]}),
    (".gitignore", "@instance@", "a\nb\n"),
]


def patched(world: World, folder: Path) -> dict[str, Any]:
    """A fresh rendering with `mx diff` of the project applied to it by Git."""
    fresh = World(folder / world.root.name)
    fresh.start()
    fresh.mx("generate", "WorldApp", "one")
    patch = world.ok("diff").raw
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", "-"],
        cwd=fresh.root, input=patch, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or not patch, f"{done.stderr.decode()}\n{patch.decode(errors='replace')}"
    return fresh.mine()


def files_of(tree: dict[str, Any]) -> dict[str, Any]:
    """Without folders: Git does not know them; and the owner's executable bit alone."""
    return {
        path: (what[0], bool(what[1] & 0o100), what[2]) if what[0] == "file" else what
        for path, what in tree.items()
        if what[0] != "folder"
    }


def check(world: World, folder: Path) -> None:
    expected = files_of(world.mine())
    assert files_of(patched(world, folder)) == expected


NAMES = [
    "plain.txt",
    "with space.txt",
    '"quo"te.txt',
    "näme.txt",
    "back/sl ash.txt",
    "tab\there.txt",
    "d/e/ü/f.py",
]


def start(world: World, data: object = "one\ntwo\nthree\n") -> None:
    world.base.files = dict.fromkeys(NAMES, data)
    world.base.sections = SECTIONS
    world.app.files = {"app-@short@.txt": "app\n"}
    world.app.sections = [
        ("s.yaml", "apps.@short@", {"port": "@port@"}),
        (".gitignore", "@instance@", "@short@\n"),
    ]
    world.start()
    world.ok("generate", "WorldApp", "one")


@pytest.mark.parametrize(
    "edited", [b"", b"no end", b"\0bin", b"crlf\r\n", b"\xff", b"a\x0cb\x1c\n\x85c\n", None]
)
def test_one_edit_of_each_kind(world: World, tmp_path: Path, edited: bytes | None) -> None:
    start(world)
    for name in NAMES:
        world.delete(name) if edited is None else world.write(name, edited)
    check(world, tmp_path / "fresh")


@pytest.mark.parametrize("data", [b"", b"no end", b"\0bin", b"crlf\r\n"])
@pytest.mark.parametrize("edited", [b"text\n", b"\0other" * 99, None])
def test_from_each_kind(world: World, tmp_path: Path, data: bytes, edited: bytes | None) -> None:
    start(world, data)
    for name in NAMES:
        world.delete(name) if edited is None else world.write(name, edited)
    check(world, tmp_path / "fresh")


def test_modes(world: World, tmp_path: Path) -> None:
    start(world)
    for name in NAMES:
        (world.root / name).chmod(0o755)
    world.write(NAMES[0], "mode and text\n")
    check(world, tmp_path / "fresh")


@pytest.mark.parametrize("edited", [False, True])
def test_renames(world: World, tmp_path: Path, edited: bool) -> None:
    start(world)
    world.base.files = {path: f"{path}\none\ntwo\nthree\n" for path in NAMES}
    world.ok("update")
    world.commit()
    (world.root / "to somewhere").mkdir()
    for name in NAMES:
        target = f"to somewhere/{name.rpartition('/')[2]}2"
        world.git("mv", name, target)
        if edited:
            world.edit(target, "two", "mine")
            (world.root / target).chmod(0o755)
    expected = files_of({p: w for p, w in world.mine().items() if not p.startswith(".git/")})
    assert not set(NAMES) & set(expected)
    assert files_of(patched(world, tmp_path / "fresh")) == expected


@pytest.mark.parametrize("target", ["plain.txt", "nowhere", "/etc/hostname"])
def test_a_link_in_the_place_of_a_file(world: World, tmp_path: Path, target: str) -> None:
    start(world)
    world.delete("näme.txt")
    (world.root / "näme.txt").symlink_to(target)
    check(world, tmp_path / "fresh")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("size: 1", "size: 2"), ("version: 1\n", ""), ("version: 1", "# mine\nversion: 1"), ("apps:\n", "apps:\n  mine: 1\n"),
        ("port: 80", "port: 81 # mine"),
    ],
)  # fmt: skip
def test_sections(world: World, tmp_path: Path, old: str, new: str) -> None:
    start(world)
    world.edit("s.yaml", old, new)
    world.edit(".gitignore", "b\n", "mine\n")
    world.write(".gitignore", world.text(".gitignore") + "more of mine\n")
    check(world, tmp_path / "fresh")


def test_a_shared_file_that_was_deleted(world: World, tmp_path: Path) -> None:
    start(world)
    world.delete("s.yaml")
    check(world, tmp_path / "fresh")


def test_a_shared_file_that_was_there_before(world: World) -> None:
    """What was there before mx is not an edit: a patch has the sections only."""
    world.root.mkdir()
    world.write("s.yaml", "# mine\nbefore: 1\n")
    start(world)
    assert world.ok("diff").out == ""
    world.edit("s.yaml", "size: 1", "size: 2")
    world.edit("s.yaml", "before: 1", "before: 2")
    out = world.ok("diff").out
    assert "+    size: 2" in out
    assert "+before" not in out


def test_one_instance(world: World) -> None:
    start(world)
    world.edit("s.yaml", "size: 1", "size: 2")
    world.edit("s.yaml", "port: 80", "port: 81")
    world.write("plain.txt", "mine\n")
    out = world.ok("diff", "WorldApp:one").out
    assert "+    port: 81" in out
    assert "+    size: 2" not in out
    assert "plain.txt" not in out


def test_stat_is_what_git_says_of_the_same_edits(world: World) -> None:
    """Git's own `diff --stat`, in a repository that has the project as it was rendered."""
    start(world)
    world.base.files = {path: f"{path}\none\ntwo\nthree\n" for path in NAMES}
    world.ok("update")
    world.commit()
    world.git("mv", "plain.txt", "d/moved.txt")
    world.edit("d/moved.txt", "two", "mine")
    world.write("with space.txt", b"\0binary")
    world.delete("näme.txt")
    world.edit("s.yaml", "size: 1", "size: 2")
    (world.root / "d/e/ü/f.py").chmod(0o755)
    expected = subprocess.run(
        ["git", "-c", "core.quotePath=false", "diff", "--stat=80", "-M", "HEAD"],
        cwd=world.root, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    assert world.ok("diff", "--stat").out == expected
    (line, last) = world.ok("diff", "--stat", "s.yaml").out.splitlines()
    assert line == " s.yaml | 2 +-"
    assert last == " 1 file changed, 1 insertion(+), 1 deletion(-)"
    assert "name one of them" in world.mx("diff", "--stat", "--template").err


def test_nothing_edited_is_nothing(world: World) -> None:
    start(world)
    assert world.ok("diff").out == ""
    assert world.ok("diff", "--stat").out == ""


def test_what_a_sparse_checkout_leaves_out_is_no_edit(world: World) -> None:
    """The patch would delete it elsewhere; what a person deleted stands in it."""
    world.base.files = {"here/a.txt": "a\n", "here/b.txt": "b\n", "out/a.txt": "a\n"}
    world.base.sections = [("out/s.yaml", "one", 1)]
    world.start()
    world.commit()
    world.git("sparse-checkout", "set", "--cone", "here", ".mx")
    world.delete("here/b.txt")
    names = [line.split()[-1] for line in world.ok("diff").out.splitlines() if line.startswith("diff ")]
    assert names == ["b/here/b.txt"]
    assert "1 file changed" in world.ok("diff", "--stat").out


def test_a_broken_shared_file_is_whole_in_the_patch(world: World, tmp_path: Path) -> None:
    start(world)
    world.write("s.yaml", "a: [\n")
    check(world, tmp_path / "fresh")


TEXTS = st.text(st.sampled_from("ab \t\r\n\x0c\x85\u2028ä\\\"'-+@#"), max_size=40).map(
    str.encode
) | st.binary(max_size=60)
EDITS = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.none() | TEXTS, st.booleans()), min_size=1, max_size=4
)


@given(
    before=st.tuples(*[TEXTS] * len(NAMES)),
    edits=EDITS,
    lines=st.lists(st.sampled_from(["# c", "mine: 1", ""]), max_size=2),
)
@settings(max_examples=60)
def test_render_edit_diff_apply(specs: None, before: tuple[bytes, ...], edits: Any, lines: list[str]) -> None:
    SPECS.clear()
    with memory() as folder:
        world = World(folder / "one" / "demo")
        world.base.files = dict(zip(NAMES, before, strict=True))
        world.base.sections = SECTIONS
        world.start()
        for name, (data, executable) in edits.items():
            if data is None:
                world.delete(name)
            else:
                world.write(name, data)
                (world.root / name).chmod(0o755 if executable else 0o644)
        world.write("s.yaml", "\n".join([*lines, world.text("s.yaml")]))
        check(world, folder / "two")
