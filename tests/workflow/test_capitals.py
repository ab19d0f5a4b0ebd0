"""Paths and instances that differ in capitals only are one file on macOS and Windows."""

from __future__ import annotations

from changing import World


def test_in_one_tree(world: World) -> None:
    world.base.files = {"README.md": "a\n", "readme.md": "b\n"}
    world.root.parent.mkdir(parents=True, exist_ok=True)
    from changing import call

    answer = call("generate", "WorldBase", "demo", "--no-input", cwd=world.root.parent)
    assert answer.code == 4
    assert "renders README.md and readme.md" in answer.err


def test_of_two_instances(world: World) -> None:
    world.base.files = {"Docs/a.md": "a\n"}
    world.extra.files = {"docs/a.md": "b\n"}
    world.start()
    answer = world.mx("generate", "WorldExtra", "--no-input")
    assert answer.code == 4
    assert "WorldBase renders Docs/a.md, and WorldExtra renders docs/a.md" in answer.err
