"""Standard 10: the service is traced."""

from __future__ import annotations

import ast
import re

from mxdev_shipyard.standards.checks.s03_strict_pins import requirements
from mxdev_shipyard.standards.checks.source import Source, parse
from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    10,
    "The service is traced for Datadog, in the framework that answers.",
    "A slow answer is explained by its trace. KServe answers by FastAPI since 0.10, so that patching Tornado, as kfserving "
    "needed, traces nothing there.",
    "In serve.py, before KServe is imported: `from ddtrace import patch` and `patch(fastapi=True)`; `tornado=True` for kfserving.",
    __file__,
)
FILE = "serve.py"


def _framework(repository: Repository) -> tuple[str, str]:
    """What answers, fastapi or tornado, and the server that says so, from what is installed."""
    pins = dict[str, str]()
    for _, requirement in requirements(repository.text("requirements.txt")):
        if found := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;]+)", requirement):
            pins[found[1].lower()] = found[2]
    if "kfserving" in pins and "kserve" not in pins:
        return "tornado", f"kfserving {pins['kfserving']}"
    version = pins.get("kserve", "")
    parts = [int(part) for part in re.findall(r"\d+", version)[:2]]
    return ("tornado" if parts and parts < [0, 10] else "fastapi"), f"kserve {version}".strip()


def _patched(source: Source) -> set[str]:
    """The frameworks that are patched; `*` for all of them."""
    found: set[str] = set()
    for name, call in source.calls():
        if name in ("ddtrace.patch_all", "ddtrace.auto"):
            off = {
                one.arg
                for one in call.keywords
                if isinstance(one.value, ast.Constant) and one.value.value is False
            }
            found |= {"*"} if not off & {"fastapi", "tornado"} else set()
        if name == "ddtrace.patch":
            on = {
                one.arg
                for one in call.keywords
                if one.arg and not (isinstance(one.value, ast.Constant) and not one.value.value)
            }
            found |= {str(one) for one in on}
    for node in source.nodes:
        if isinstance(node, ast.Import) and any(alias.name == "ddtrace.auto" for alias in node.names):
            found.add("*")
    return found


def test_the_framework_that_answers_is_patched(repository: Repository) -> None:
    """By ddtrace's patch, by all of it, or because the image starts the service by ddtrace-run."""
    framework, server = _framework(repository)
    patched = _patched(parse(repository, FILE))
    by_run = repository.has("Dockerfile") and re.search(
        r"^(ENTRYPOINT|CMD)\b.*\bddtrace-run\b", repository.text("Dockerfile"), re.MULTILINE | re.IGNORECASE
    )
    # ddtrace leaves Tornado out unless it is asked for.
    if framework in patched or (
        framework == "fastapi" and ("*" in patched or "starlette" in patched or by_run)
    ):
        return
    if patched - {"*"}:
        unmet(
            f"patch({', '.join(f'{one}=True' for one in sorted(patched - {'*'}))}) traces nothing: {server} answers by {framework}",
            FILE,
        )
    unmet(f"it is not traced: {server} answers by {framework}, and nothing patches that", FILE)


def test_the_tracer_is_installed(repository: Repository) -> None:
    """ddtrace is one of the packages."""
    path = "requirements.txt"
    if not any(
        re.match(r"ddtrace\b(?!-)", requirement) for _, requirement in requirements(repository.text(path))
    ):
        unmet("ddtrace is not in it", path)
