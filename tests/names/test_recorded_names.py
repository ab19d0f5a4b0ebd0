"""Rules of names are for new names: what a project and its instances are called already stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from changing import call

from mxdev_generators.names import rules

HOSTILE = ["../up", "a b", "$(id)", "x;y", "UP", ""]
PAGES = ["StreamlitApp", "SeldonDeployment", "BeamPipeline"]


def _refuses(*names: str) -> rules.Rule:
    return rules.Rule("a newer tool", "-", lambda name: "it is taken" if name in names else None)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Made when none of its names was refused; now all of them are."""
    monkeypatch.setenv("MX_OPT_MX_SOURCE", "index")
    root = tmp_path / "early"
    skeleton = ["MLProjectSkeleton", "early", "--cloud=existing", "--domain=ml.example.com", "--skip-git"]
    made = call("generate", *skeleton, "--no-input", cwd=tmp_path)
    assert made.code == 0, made.err
    made = call("generate", "EntryPoint", "soon", "--no-input", cwd=root)
    assert made.code == 0, made.err
    monkeypatch.setattr(rules, "PROJECT_NAME", (*rules.PROJECT_NAME, _refuses("early", "soon")))
    monkeypatch.setattr(rules, "MODULE_NAME", (*rules.MODULE_NAME, _refuses("early", "soon")))
    return root


def test_a_recorded_name_stays_when_a_rule_comes_to_refuse_it(project: Path) -> None:
    for command in (
        ["update", "--json"],
        ["generate", "EntryPoint", "soon", "--json"],
        ["set", "description=Another", "--json"],
        ["generate", "Sweep", "search", "--no-input", "--json"],
    ):
        done = call(*command, cwd=project)
        assert done.code == 0, (command, done.err, done.out)
    done = call("generate", "MLProjectSkeleton", "early", "--json", cwd=project.parent)
    assert (done.code, done.json["outcome"]) == (0, "nothing"), done.out


def test_so_does_that_of_an_image(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for generator in PAGES:
        done = call("generate", generator, f"a_{generator.lower()}", "--no-input", cwd=project)
        assert done.code == 0, done.err
    monkeypatch.setattr(rules, "STAGE", _refuses("new", *(f"a-{name.lower()}" for name in PAGES)))
    done = call("update", "--json", cwd=project)
    assert (done.code, done.json["outcome"]) == (0, "nothing"), done.out
    for generator in PAGES:
        done = call("generate", generator, "new", "--no-input", cwd=project)
        assert done.code == 2, done.out
        assert "'new' cannot be the name: it is taken. Take another, such as new_" in done.err


def test_the_same_name_is_refused_of_what_is_new(project: Path) -> None:
    commands = (
        (project, ("generate", "Dataset", "soon", "--no-input")),
        (project, ("generate", "EntryPoint", "early", "--no-input")),
        (project, ("set", "MLProjectSkeleton.name=soon")),
        (project.parent, ("generate", "MLProjectSkeleton", "soon", "--no-input")),
    )
    for folder, command in commands:
        done = call(*command, cwd=folder)
        assert done.code == 2, (command, done.out, done.err)
        assert "cannot be the name: it is taken" in done.err


def test_a_recorded_value_is_of_the_form_all_the_same(project: Path) -> None:
    (record,) = project.glob(".mx/generators/EntryPoint*")
    for file, name in ((project / "mx.yaml", "early"), (record, "soon")):
        text = file.read_text()
        for hostile in HOSTILE:
            changed = text.replace(f"name: {name}", f"name: '{hostile}'")
            assert changed != text
            file.write_text(changed)
            done = call("update", "--json", cwd=project)
            assert done.code == 2, (file, hostile, done.out)
            assert "it must be" in done.json["error"]
            assert ". Set another: `mx set name=VALUE`." in done.json["error"]
        file.write_text(text)
