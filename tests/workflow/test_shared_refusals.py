"""A refusal to write into a shared file tells of the file that is there, not of what mx was about to make of it."""

from __future__ import annotations

import pytest
from changing import World, call


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("version: v2beta1\nname: proj\ndeployments: {}\n", 3, "flow style"),
        ("version: v1beta11\ndeployments:\n- name: app\n", 3, "Make `deployments` a mapping"),
        ("# a comment\n\ndeployments: text\n", 3, "Make `deployments` a mapping"),
    ],
)
def test_a_refusal_counts_the_lines_of_the_persons_file(
    world: World, text: str, line: int, said: str
) -> None:
    world.base.sections = [
        ("devspace.yaml", "vars", {f"V{n}": "x" for n in range(20)}),
        ("devspace.yaml", "deployments.one", {"a": 1}),
    ]
    world.write("devspace.yaml", text)
    answer = call("generate", "WorldBase", world.root.name, "--no-input", cwd=world.root.parent)
    assert answer.code == 4
    assert f"devspace.yaml:{line}: `deployments`" in answer.err
    assert said in answer.err.replace("deployments is", "`deployments` is")
    assert ("version: v1beta11" in answer.err) == ("v1beta11" in text)
