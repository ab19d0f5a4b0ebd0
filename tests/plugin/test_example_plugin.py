"""`examples/acme-mx`, installed into a fresh environment: its own tests pass, its code is clean, and mx shows what it does."""

from __future__ import annotations

import shutil
from pathlib import Path

import fresh
from ml_environment import uv

EXAMPLE = fresh.ROOT / "examples/acme-mx"


def test_the_example_in_a_fresh_environment(tmp_path: Path) -> None:
    folder, env = tmp_path / "acme-mx", fresh.environment()
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".*cache", "__pycache__"))
    fresh.run(
        f"{uv()} venv -q && {uv()} pip install -q '.[dev]'", folder, env
    )  # not editable: as from an index
    python = ".venv/bin/python -m"
    assert "7 passed" in fresh.run(f"{python} pytest -q", folder, env).stdout
    for tool in ("ruff check", "ruff format --check", "mypy"):
        fresh.run(f"{python} {tool}", folder, env)
    assert fresh.run(".venv/bin/mx plugins", folder, env).stdout.partition("acme-mx 1.0.0\n")[2] == (
        "  generators: AuditTrail\n"
        "  commands: acme\n"
        "  lint rules: acme-no-public-bucket\n"
        "  template filters: ticket\n"
        "  overrides templates of: MLProjectSkeleton\n"
        "  defaults: MLProjectSkeleton.python, domain, region\n"
        "  checks every plan, and may refuse it\n"
    )
    mx = f"{folder}/.venv/bin/mx"
    made = fresh.run(
        f"{mx} generate AuditTrail --help; {mx} generate MLProjectSkeleton demo --no-input", tmp_path, env
    )
    assert "The ticket in which that was approved." in made.stdout
    assert "create  .editorconfig  (template of acme-mx 1.0.0)" in made.stdout
    assert "domain is ml.acme.example, from the plugin acme-mx 1.0.0." in made.stderr
    project = tmp_path / "demo"
    both = fresh.run(f"{mx} generate AuditTrail --dry-run --no-input", project, env).stdout
    assert "create  docs/audit.md" in both
    shown = fresh.run(f"{mx} set region=europe-west1 --dry-run", project, env).stdout
    assert "from mx-devtool" not in shown  # one plugin alone: nothing to tell apart
    fresh.run(f"{mx} generate AuditTrail --no-input", project, env)
    shown = fresh.run(f"{mx} update --dry-run --verbose", project, env).stdout
    assert "docs/audit.md  (from acme-mx)" in shown
    assert (
        "devspace.yaml  (from mx-devtool, acme-mx)" in shown
        or "devspace.yaml  (from acme-mx, mx-devtool)" in shown
    )
    assert "README.md  (from mx-devtool)" in shown
    status = fresh.run(f"{mx} status", project, env).stdout
    assert "override  .editorconfig (acme-mx 1.0.0)" in status
    # Without the plugin the project is as it was, and mx says what is missing.
    fresh.run(f"{uv()} pip uninstall -q acme-mx", folder, env)
    left = fresh.run(f"{mx} status", project, env, check=False)
    assert "The plugin acme-mx, which renders AuditTrail, is not installed." in left.stdout
