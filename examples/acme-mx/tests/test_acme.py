"""The plugin, in memory and through `mx`."""

from __future__ import annotations

from pathlib import Path

import pytest
from mxdev.lint.rule import Context
from mxdev.testing import converse, mx, plan, render, render_all, statuses, text

from acme_mx.rules import NoPublicBucket


@pytest.fixture
def project(tmp_path: Path) -> Path:
    made = mx("generate", "MLProjectSkeleton", "demo", "--no-input", "--skip-git", cwd=tmp_path)
    assert made.code == 0, made.stderr
    return tmp_path / "demo"


def test_the_page_and_the_variable() -> None:
    tree = render("AuditTrail", name="demo", days=7, approval="#12 *x*")
    assert "kept for 7 days" in text(tree, "docs/audit.md")
    assert "Approved in https://tickets.acme.example/12 \\*x\\*." in text(tree, "docs/audit.md")
    assert [(section.address, section.value) for section in tree.sections] == [
        ("vars.AUDIT_DAYS", {"value": "7"})
    ]


def test_the_house_s_template_stands_for_the_skeleton_s() -> None:
    skeleton = render_all("MLProjectSkeleton", name="demo").renderings[0].tree
    assert skeleton is not None
    assert "# Acme: " in text(skeleton, ".editorconfig")


def test_the_plan_says_which_plugin_a_file_is_of(project: Path) -> None:
    planned = plan("AuditTrail", root=project)
    assert statuses(planned) == {"devspace.yaml": "update", "docs/audit.md": "create", "mx.yaml": "identical"}
    assert {change.plugins for change in planned.changes if change.generators} == {("acme-mx",)}


def test_acme_s_defaults_are_taken_and_shown(tmp_path: Path) -> None:
    made = mx("generate", "MLProjectSkeleton", "demo", "--no-input", "--skip-git", cwd=tmp_path)
    assert "region is europe-west3, from the plugin acme-mx 1.0.0." in made.stderr
    assert "region: europe-west3\n" in (tmp_path / "demo/mx.yaml").read_text()
    assert mx("acme", cwd=tmp_path / "demo").code == 0
    assert mx("set", "region=europe-west4", cwd=tmp_path / "demo").code == 0
    assert mx("acme", cwd=tmp_path / "demo").stdout == "region: europe-west4 (Acme's: europe-west3)\n"
    assert mx("acme", cwd=tmp_path).code == 2


def test_a_plan_outside_of_europe_is_refused(project: Path) -> None:
    before = (project / "mx.yaml").read_bytes()
    refused = mx("set", "region=us-east1", cwd=project)
    assert refused.code == 1
    assert (
        "The plugin acme-mx 1.0.0 refuses this plan: the region us-east1 is not in Europe" in refused.stderr
    )
    assert (project / "mx.yaml").read_bytes() == before


def test_on_a_terminal_it_asks_for_the_approval(project: Path) -> None:
    told = converse("generate", "AuditTrail", cwd=project, answers=[("ticket", "77")])
    assert told.code == 0, told.stdout
    assert "https://tickets.acme.example/77" in (project / "docs/audit.md").read_text()


def test_the_lint_rule(tmp_path: Path) -> None:
    file = tmp_path / "main.tf"
    file.write_text('member = "allUsers"\n# allUsers\n')
    rule = NoPublicBucket()
    found = list(rule.check(Context(tmp_path, tuple(rule.applies([file, tmp_path / "a.py"])))))
    assert [(finding.line, finding.column) for finding in found] == [(1, 11)]
    linted = mx("lint", "--rule", "acme-no-public-bucket", "main.tf", cwd=tmp_path)
    assert linted.code == 1
    assert "main.tf:1:11" in linted.stdout
