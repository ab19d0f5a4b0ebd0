"""`mx plugins`: what is installed, what each plugin adds, which are broken."""

from __future__ import annotations

import json
from typing import Any

import click

from mxdev.errors import DONE, SAYS_NO
from mxdev.plugins import model, origin, registry
from mxdev.system import console

_NAMES = {
    "mx_generators": "generators",
    "mx_commands": "commands",
    "mx_lint_rules": "lint_rules",
    "mx_template_filters": "template_filters",
    "mx_standards": "standards",
}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option(
    "--check",
    is_flag=True,
    help="Import all that they announce, and say what is wrong; exit 1 if anything is.",
)
def plugins(as_json: bool, check: bool) -> int:
    """List the installed plugins, what each of them adds, and which cannot be loaded."""
    if check:
        return _check(as_json)
    rows = [_row(plugin) for plugin in registry.looked_at_again()]
    if as_json:
        console.out(json.dumps(rows, indent=2))
        return DONE
    for row in rows:
        console.out(f"{row['name']} {row['version']}")
        if row["name"] == model.CORE and (source := origin.of_mx() or "").startswith("git+"):
            console.out(
                f"  installed from: {source}; a colleague gets the same by `uv tool install {source}`"
            )
        for kind in _NAMES.values():
            if row[kind]:
                console.out(f"  {kind.replace('_', ' ')}: {', '.join(row[kind])}")
        if row["template_overrides"]:
            console.out(f"  overrides templates of: {', '.join(row['template_overrides'])}")
        if row["defaults"]:
            console.out(f"  defaults: {', '.join(row['defaults'])}")
        if row["checks_plans"]:
            console.out("  checks every plan, and may refuse it")
        if row["up_steps"]:
            console.out("  adds steps to `mx up` and `mx down`")
        for hook in row["unknown_hooks"]:
            console.out(f"  {console.paint('ignored', 'yellow')}: mx has no hook {hook}")
        if row["seconds"] > model.SLOW:
            slow = f"takes {row['seconds']:.1f} s to import, whenever the index of plugins is made"
            console.out(f"  {console.paint('slow', 'yellow')}: {slow}")
        if row["error"]:
            console.out(f"  {console.paint('broken', 'red')}: {row['error']}")
    return DONE


def _check(as_json: bool) -> int:
    from mxdev.lint import registry as rules
    from mxdev.plugins.check import everything

    found = everything(rules.load)
    if as_json:
        console.out(
            json.dumps([{"name": name, "problems": problems} for name, problems in found.items()], indent=2)
        )
    else:
        for name, problems in found.items():
            console.out(f"{name}: {'nothing is wrong' if not problems else ''}".rstrip())
            for problem in problems:
                console.out(f"  {problem}")
    return SAYS_NO if any(found.values()) else DONE


def _row(plugin: model.Plugin) -> dict[str, Any]:
    found = {name: [entry.name for entry in plugin.entries.get(hook, ())] for hook, name in _NAMES.items()}
    return {
        "name": plugin.dist,
        "version": plugin.version,
        "module": plugin.module,
        **found,
        "template_overrides": sorted(plugin.data.get("mx_template_overrides", ())),
        "defaults": sorted(plugin.data.get("mx_defaults", ())),
        "checks_plans": "mx_check_plan" in plugin.working,
        "up_steps": "mx_up_steps" in plugin.working,
        "unknown_hooks": plugin.unknown,
        "seconds": round(plugin.seconds, 3),
        "error": plugin.error,
    }
