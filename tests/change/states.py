"""Random projects: what a generator rendered, what a person did to it, what the generator renders now, what is run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acme_world import SPECS
from changing import World
from hypothesis import strategies as st

PATHS = ["a.txt", "d/b.yaml", "d/e/c.sh", "z.bin"]
SHARED = ["s.yaml", ".gitignore"]
BODIES = {
    "a.txt": ["one\ntwo\nthree\nfour\nfive\n", "one\ntwo\nTHREE\nfour\nfive\n", "one\ntwo\nthree\nfour\n5\nsix\n", "@region@\n"],
    "d/b.yaml": ["a: 1\nb: 2\nc: 3\n", "a: 1\nb: 20\nc: 3\n", "a: 1\nb: 2\nc: 3\nd: @size@\n"],
    "d/e/c.sh": ["#!/bin/sh\necho\n", "#!/bin/sh\necho 2\n"],
    "z.bin": [b"\0one", b"\0two", b""],
}  # fmt: skip

content = {
    path: st.none() | st.tuples(st.sampled_from(bodies), st.booleans()) for path, bodies in BODIES.items()
}
files = st.fixed_dictionaries(content).map(lambda found: {p: c for p, c in found.items() if c is not None})
values = st.sampled_from([{"k": 1, "l": 2}, {"k": 10, "l": 2}, {"k": 1, "l": 2, "m": "@region@"}, 7])
sections = st.lists(
    st.tuples(st.sampled_from(["one", "two.x", "two.y"]), values), max_size=3, unique_by=lambda s: s[0]
).map(lambda rows: [("s.yaml", address, value) for address, value in rows])
ignored = st.sampled_from(
    [[], [(".gitignore", "@instance@", "a\n")], [(".gitignore", "@instance@", "a\nb\n")]]
)
specs = st.tuples(files, sections, ignored)

edits = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.sampled_from(PATHS + SHARED), st.integers(0, 6)),
        st.tuples(st.just("replace"), st.sampled_from(PATHS + SHARED), st.integers(0, 6)),
        st.tuples(st.just("key"), st.sampled_from(["d/b.yaml", "s.yaml"]), st.integers(0, 6)),
        st.tuples(st.just("delete"), st.sampled_from(PATHS + SHARED), st.just(0)),
        st.tuples(st.just("mode"), st.sampled_from(PATHS), st.just(0)),
        st.tuples(st.just("link"), st.sampled_from(PATHS + SHARED), st.just(0)),
        st.tuples(st.just("folder"), st.sampled_from(PATHS), st.just(0)),
        st.tuples(st.just("windows"), st.sampled_from(["a.txt", "d/b.yaml", ".gitignore"]), st.just(0)),
        st.tuples(st.just("unrecorded"), st.sampled_from(PATHS), st.just(0)),
        st.tuples(st.just("mx.yaml"), st.just("mx.yaml"), st.just(0)),
    ),
    max_size=4,
)
commands = st.sampled_from(
    [
        ["update"], ["update", "WorldBase"], ["set", "region=east"], ["set", "size=2"], ["destroy", "WorldExtra"],
        ["destroy", "WorldBase", "--with-dependents"], ["generate", "WorldExtra"], ["generate", "WorldApp", "one"],
        ["generate", "WorldBase"], ["undo"], ["undo", "--merge"], ["update", "--retry", "a.txt"], ["update", "--restore", "a.txt"],
    ]
)  # fmt: skip
policies = st.sampled_from(
    [[], [], ["--on-conflict", "keep"], ["--on-conflict", "overwrite"], ["--on-conflict", "merge"]]
)


@dataclass(frozen=True)
class Case:
    """A random project and what is run in it."""

    base: Any
    extra: Any
    edits: list[tuple[str, str, int]]
    base_now: Any
    extra_now: Any
    command: list[str]
    policy: list[str]
    first: list[str] | None


cases = st.builds(
    Case, specs, sections, edits, specs, sections, commands, policies, st.none() | st.tuples(commands, policies).map(lambda c: c[0] + c[1])
)  # fmt: skip


def make(folder: Path, case: Case) -> tuple[World, list[bytes]]:
    """The project on the disk, and the words that a person wrote into it."""
    SPECS.clear()
    world = World(folder / "demo")
    _spec(world.base, case.base)
    world.extra.sections = [
        (path, f"extra.{address.replace('.', '-')}", value) for path, address, value in case.extra
    ]
    world.extra.files = {"extra.txt": "extra @level@\n"}
    world.app.files = {"@short@.txt": "@port@ @region@\n"}
    world.app.sections = [("s.yaml", "apps.@short@", {"port": "@port@"})]
    world.start()
    world.ok("generate", "WorldExtra")
    words = [word for number, edit in enumerate(case.edits) if (word := do(world, edit, f"person{number}"))]
    _spec(world.base, case.base_now)
    world.extra.sections = [
        (path, f"extra.{address.replace('.', '-')}", value) for path, address, value in case.extra_now
    ]
    if case.first:
        world.mx(*case.first)
    words = [
        word for word in words if any(word in what[2] for what in world.mine().values() if what[0] == "file")
    ]
    return world, words


def _spec(spec: Any, found: Any) -> None:
    spec.files, spec.sections = dict(found[0]), [*found[1], *found[2]]


def do(world: World, edit: tuple[str, str, int], word: str) -> bytes | None:
    """One thing that a person does; the word that they wrote."""
    what, path, line = edit
    place = world.root / path
    if what == "unrecorded":
        pristine = world.root / ".mx/pristine/WorldBase" / f"{path}.pristine"
        pristine.unlink(missing_ok=True)
        return None
    if not place.is_file() or place.is_symlink():
        return None
    data = place.read_bytes()
    lines = data.split(b"\n")
    if what == "insert":
        lines.insert(min(line, len(lines) - 1), b"# " + word.encode())
    elif what == "replace":
        lines[min(line, len(lines) - 1)] = b"# " + word.encode()
    elif what == "key":
        lines = [*lines[:-1], f"{word}: {line}".encode(), b""]
    elif what == "windows":
        lines = [each.removesuffix(b"\r") + b"\r" for each in lines[:-1]] + lines[-1:]
        word = ""
    elif what == "mode":
        place.chmod(place.stat().st_mode ^ 0o111)
        return None
    elif what == "mx.yaml":
        place.write_bytes(data + b"# " + word.encode() + b"\n")
        return word.encode()
    else:
        place.unlink()
        if what == "link":
            place.symlink_to("mx.yaml")
        elif what == "folder":
            place.mkdir()
            (place / word).write_bytes(word.encode())
            return word.encode()
        return None
    place.write_bytes(b"\n".join(lines))
    return word.encode() or None
