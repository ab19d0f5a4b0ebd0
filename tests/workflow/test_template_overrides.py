"""One template of a generator replaced by a project's or a plugin's own: seen in plan and status, and when it is outdated."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
import yaml
from conftest import Mx, installed
from sites import SAMPLES, make_distribution

from mxdev.project.records import read_record, write_record

MINE = ".mx/overrides/SampleBase/templates_base"
SETTINGS = "templates_base/conf/settings.yaml.jinja"


@pytest.fixture
def plugin(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the sample plugin's folder that may be changed, installed in its place."""
    site = tmp_path / "changing"
    make_distribution(site, "acme-samples", module="acme_samples", version="1.2.0")
    shutil.copytree(SAMPLES / "acme_samples", site / "acme_samples")
    next(installed(site, monkeypatch))
    import acme_samples.base

    monkeypatch.setattr(acme_samples.base, "__file__", str(site / "acme_samples/base.py"))
    return site / "acme_samples"


def override(project: Path, name: str, text: str) -> Path:
    path = project / MINE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def overrides(mx: Mx, project: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = mx("status", "--json", "SampleBase", cwd=project).json["instances"][0][
        "overrides"
    ]
    return found


def test_a_project_s_own_template_is_rendered_and_seen(mx: Mx, project: Path) -> None:
    override(project, "conf/settings.yaml.jinja", "mine: {{ region }}\ntext: {{ description | yaml }}\n")
    seen = mx("update", "--dry-run", cwd=project)
    assert f"update  conf/settings.yaml  (template of {MINE}/conf/settings.yaml.jinja)" in seen.out
    assert mx("update", cwd=project).code == 0
    assert (project / "conf/settings.yaml").read_text() == 'mine: demo-1\ntext: "A sample."\n'
    status = mx("status", "--exit-code", cwd=project)
    assert status.code == 0, status.out
    assert f"override  {SETTINGS} ({MINE}/conf/settings.yaml.jinja)\n" in status.out
    # It is rendered in the sandbox, and free text is guarded as in a generator's own.
    override(project, "conf/settings.yaml.jinja", "{{ description }}\n")
    refused = mx("update", cwd=project)
    assert refused.code == 4
    assert f"{MINE}/conf/settings.yaml.jinja:1: free text is emitted" in refused.err


def test_without_it_the_generator_s_own_is_back(mx: Mx, project: Path) -> None:
    before = (project / "conf/settings.yaml").read_bytes()
    record = (project / ".mx/generators/SampleBase.yaml").read_bytes()
    path = override(project, "conf/settings.yaml.jinja", "x: 1\n")
    mx("update", cwd=project)
    kept = project / f".mx/pristine/SampleBase/{SETTINGS}.template.pristine"
    assert kept.read_bytes() == (SAMPLES / "acme_samples" / SETTINGS).read_bytes()
    path.unlink()
    assert mx("update", cwd=project).code == 0
    assert (project / "conf/settings.yaml").read_bytes() == before
    assert (project / ".mx/generators/SampleBase.yaml").read_bytes() == record
    assert not kept.exists()


def test_the_executable_bit_is_the_generator_s(mx: Mx, project: Path) -> None:
    override(project, "run.sh", "#!/bin/sh\necho mine\n").chmod(0o644)
    mx("update", cwd=project)
    assert (project / "run.sh").read_text() == "#!/bin/sh\necho mine\n"
    assert (project / "run.sh").stat().st_mode & 0o100


def test_when_the_replaced_template_changes_the_override_is_outdated(
    mx: Mx, plugin: Path, tmp_path: Path
) -> None:
    mx("generate", "SampleBase", "demo", "--no-input")
    project = tmp_path / "demo"
    path = override(project, "conf/settings.yaml.jinja", "mine: 1\n")
    assert mx("update", cwd=project).code == 0
    assert mx("diff", "--template", cwd=project).out == ""
    template = plugin / SETTINGS
    old = template.read_text()
    template.write_text(old + "added: true\n")
    for _ in range(2):  # an update does not hide it
        assert [one["outdated"] for one in overrides(mx, project)] == [True]
        status = mx("status", "--exit-code", cwd=project)
        assert status.code == 1
        assert (
            "outdated, the template it replaces has changed; `mx diff --template` shows by what" in status.out
        )
        shown = mx("diff", "--template", cwd=project).out
        assert f"--- a/{SETTINGS}\n+++ b/{SETTINGS}\n" in shown
        assert [line for line in shown.splitlines() if line[:1] in "+-"][2:] == ["+added: true"]
        assert mx("update", cwd=project).code == 0
    assert (project / "conf/settings.yaml").read_text() == "mine: 1\n"
    # Who changes the override has seen what it replaces.
    path.write_text("mine: 1\nadded: true\n")
    assert mx("update", cwd=project).code == 0
    assert [one["outdated"] for one in overrides(mx, project)] == [False]
    assert mx("status", "--exit-code", cwd=project).code == 0


@pytest.mark.parametrize("name", [SETTINGS, f"{MINE}/conf/settings.yaml.jinja"])
def test_an_outdated_override_can_be_accepted_as_it_is(
    mx: Mx, plugin: Path, tmp_path: Path, name: str
) -> None:
    mx("generate", "SampleBase", "demo", "--no-input")
    project = tmp_path / "demo"
    path = override(project, "conf/settings.yaml.jinja", "mine: 1\n")
    mx("update", cwd=project)
    template = plugin / SETTINGS
    template.write_text(template.read_text() + "added: true\n")
    wrong = mx("update", "--accept", "no/such", cwd=project)
    assert (wrong.code, "Nothing here overrides the template no/such." in wrong.err) == (2, True)
    assert mx("update", "--accept", name, "--dry-run", cwd=project).code == 0
    assert "`mx update --accept PATH` says that yours is right" in mx("status", cwd=project).out
    accepted = mx("update", "--accept", name, cwd=project)
    assert accepted.code == 0
    assert f"{MINE}/conf/settings.yaml.jinja is right as it is" in accepted.err
    assert [one["outdated"] for one in overrides(mx, project)] == [False]
    assert mx("diff", "--template", cwd=project).out == ""
    assert path.read_text() == "mine: 1\n"
    # Accepted was what the template is now, not all that it may become.
    template.write_text(template.read_text() + "more: true\n")
    assert [one["outdated"] for one in overrides(mx, project)] == [True]
    shown = mx("diff", "--template", cwd=project).out
    assert [line for line in shown.splitlines() if line[:1] in "+-"][2:] == ["+more: true"]


def test_either_spelling_of_the_generator_s_name_is_understood(mx: Mx, project: Path) -> None:
    path = project / ".mx/overrides/sample-base/templates_base/plain.txt"
    path.parent.mkdir(parents=True)
    path.write_text("mine\n")
    assert mx("update", cwd=project).code == 0
    assert (project / "plain.txt").read_text() == "mine\n"


def test_files_that_stand_for_nothing_are_told(mx: Mx, project: Path) -> None:
    override(project, "plain.txt", "mine\n")
    (project / ".mx/overrides/shared.yaml").write_text("name: other\n")
    shared = project / ".mx/overrides/devspace.yaml"
    shared.write_text("deployments: {}\n")
    for name in ("SampleBas/plain.txt", "loose.txt", "SampleApp/x"):
        stray = project / ".mx/overrides" / name
        stray.parent.mkdir(exist_ok=True)
        stray.write_text("")
    wanted = [
        f".mx/overrides/{name}"
        for name in ("SampleApp/x", "SampleBas/plain.txt", "devspace.yaml", "loose.txt")
    ]
    assert mx("status", "--json", cwd=project).json["stray_overrides"] == wanted
    told = mx("status", cwd=project).err
    assert told.count("overrides nothing: no generator here is called so") == 4
    # SampleApp is none of the project's generators until it is used; nothing has sections of devspace.yaml.
    mx("generate", "SampleApp", "web", cwd=project)
    assert mx("status", "--json", cwd=project).json["stray_overrides"] == wanted[1:]


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_the_kept_template_may_be_damaged(mx: Mx, plugin: Path, tmp_path: Path, damage: str) -> None:
    mx("generate", "SampleBase", "demo", "--no-input")
    project = tmp_path / "demo"
    override(project, "conf/settings.yaml.jinja", "mine: 1\n")
    mx("update", cwd=project)
    kept = project / f".mx/pristine/SampleBase/{SETTINGS}.template.pristine"
    if damage == "missing":
        kept.unlink()
    else:
        kept.write_text("changed\n")
    (plugin / SETTINGS).write_text("other: 1\n")
    assert [one["outdated"] for one in overrides(mx, project)] == [True]
    shown = mx("diff", "--template", cwd=project)
    assert shown.code == 4
    assert ".template.pristine" in shown.err
    assert mx("update", cwd=project).code == 0


def test_a_template_that_has_values_now_is_still_replaced(mx: Mx, plugin: Path, tmp_path: Path) -> None:
    mx("generate", "SampleBase", "demo", "--no-input")
    project = tmp_path / "demo"
    override(project, "plain.txt", "{{ mine }}\n")
    assert mx("update", cwd=project).code == 0
    template = plugin / "templates_base/plain.txt"
    template.rename(template.with_name("plain.txt.jinja")).write_text("{{ region }}\n")
    # It is copied as before, and what it replaces is another text now.
    assert mx("update", cwd=project).code == 0
    assert (project / "plain.txt").read_text() == "{{ mine }}\n"
    (told,) = overrides(mx, project)
    assert (told["by"], told["outdated"], told["unused"]) == (f"{MINE}/plain.txt", True, False)
    assert "+{{ region }}\n" in mx("diff", "--template", cwd=project).out
    assert mx("update", "--accept", f"{MINE}/plain.txt", cwd=project).code == 0
    assert [one["outdated"] for one in overrides(mx, project)] == [False]
    # One with the template's own name comes first.
    override(project, "plain.txt.jinja", "in {{ region }}\n")
    assert mx("update", cwd=project).code == 0
    assert (project / "plain.txt").read_text() == "in demo-1\n"
    assert {one["by"]: one["unused"] for one in overrides(mx, project)} == {
        f"{MINE}/plain.txt": True,
        f"{MINE}/plain.txt.jinja": False,
    }


def test_one_of_a_template_that_has_values_now_and_renders_to_nothing_here_is_no_stray(
    mx: Mx, project: Path
) -> None:
    override(project, "{{ 'extra.txt' if size > 1 }}", "mine\n")
    assert mx("update", cwd=project).code == 0
    assert not (project / "extra.txt").exists()
    assert [one for one in overrides(mx, project) if one["unused"]] == []


def test_one_that_replaces_nothing_is_told(mx: Mx, project: Path) -> None:
    override(project, "conf/settngs.yaml.jinja", "mine: 1\n")
    assert [(one["unused"], one["outdated"]) for one in overrides(mx, project)] == [(True, False)]
    assert "it replaces nothing" in mx("status", cwd=project).out


def test_a_link_that_leads_out_of_the_project_is_refused(mx: Mx, project: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    override(project, "other", "")
    (project / MINE / "plain.txt").symlink_to(tmp_path / "secret")
    result = mx("update", cwd=project)
    assert result.code == 4
    assert "secret\n" not in (project / "plain.txt").read_text()


COMPANY = """
from mxdev import hookimpl
@hookimpl
def mx_template_overrides():
    return {"SampleBase": "replaced"}
"""


def company(site: Path, monkeypatch: pytest.MonkeyPatch, name: str, **files: str) -> None:
    module = name.replace("-", "_")
    make_distribution(site, name, modules={f"{module}/__init__.py": COMPANY})
    for path, text in files.items():
        target = site / module / "replaced/templates_base" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    monkeypatch.delitem(sys.modules, module, raising=False)
    next(installed(site, monkeypatch))


def test_a_plugin_s_template(mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    company(tmp_path / "site", monkeypatch, "acme-house", **{"plain.txt": "of the house\n"})
    made = mx("generate", "SampleBase", "demo", "--no-input")
    assert "create  plain.txt  (template of acme-house 1.0)" in made.out
    project = tmp_path / "demo"
    assert (project / "plain.txt").read_text() == "of the house\n"
    assert overrides(mx, project) == [
        {"template": "templates_base/plain.txt", "by": "acme-house 1.0", "outdated": False, "unused": False}
    ]
    # A project's own comes first.
    override(project, "plain.txt", "mine\n")
    assert mx("update", cwd=project).code == 0
    assert (project / "plain.txt").read_text() == "mine\n"


def test_two_plugins_that_replace_the_same_are_told(
    mx: Mx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company(tmp_path / "a", monkeypatch, "aa-house", **{"plain.txt": "a\n"})
    company(tmp_path / "b", monkeypatch, "bb-house", **{"plain.txt": "b\n", "run.sh": "b\n"})
    refused = mx("generate", "SampleBase", "demo", "--no-input")
    assert refused.code == 4
    assert "aa-house 1.0 and bb-house 1.0 both replace the template templates_base/plain.txt" in refused.err
    # Everything else works.
    assert mx("generate", "SampleTool").code == 0
    override(tmp_path / "demo", "plain.txt", "mine\n")


def test_destroy_takes_what_was_kept(mx: Mx, project: Path) -> None:
    mx("generate", "SampleApp", "web", cwd=project)
    path = override(project, "plain.txt", "mine\n")
    mx("update", cwd=project)
    assert mx("destroy", "SampleBase", "--with-dependents", cwd=project).code == 0
    assert not list((project / ".mx").rglob("*.template.pristine"))
    assert path.read_text() == "mine\n"


def test_the_record_survives_a_round_trip(mx: Mx, project: Path) -> None:
    override(project, "plain.txt", "mine\n")
    mx("update", cwd=project)
    data = (project / ".mx/generators/SampleBase.yaml").read_bytes()
    assert set(yaml.safe_load(data)["templates"]) == {"templates_base/plain.txt"}
    assert write_record(read_record(data, "x")) == data
