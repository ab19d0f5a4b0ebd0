"""Which standards there are: Shipyard's own and those that other plugins announce."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from mxdev.errors import MxError

from mxdev_shipyard.standards.model import Standard

_OWN = (
    "s01_weights_path",
    "s02_files",
    "s03_strict_pins",
    "s04_kserve_model",
    "s05_openapi",
    "s06_image_labels",
    "s07_coverage_gate",
    "s08_ignored_folders",
    "s09_no_large_files_no_secrets",
    "s10_tracing",
    "s11_readme_links",
)
# What only people can see to.
_UNTESTED = (
    Standard(
        12,
        "A second person has looked at each release.",
        "Whoever made a change sees least of what is wrong with it.",
        "Ask a colleague to review the merge request, and to press the gate of production.",
    ),
)


def own() -> tuple[Standard, ...]:
    """Shipyard's own, by number."""
    return (*map(_own, _OWN), *_UNTESTED)


def everything() -> tuple[Standard, ...]:
    """All standards, by number.

    Raises:
        MxError: a plugin's standard cannot be loaded, is none, or has the number of another.
    """
    from mxdev.plugins import entries

    found = {standard.number: standard for standard in own()}
    for entry in entries("mx_standards"):
        standard = entry.load()
        if not isinstance(standard, Standard):
            raise MxError(
                f"{entry.name} of the plugin {entry.dist} is no standard: {type(standard).__name__}"
            )
        if wrong := _wrong(standard, found.values()):
            raise MxError(
                f"{entry.name} of the plugin {entry.dist} is no standard: {wrong}.",
                hint=f"Report it to the authors of {entry.dist}, or uninstall it.",
            )
        if (other := found.setdefault(standard.number, standard)) is not standard:
            raise MxError(
                f"Standard {standard.number} of the plugin {entry.dist} has the number of another: {other.title}",
                hint=f"Ask the authors of {entry.dist} for another number.",
            )
    return tuple(found[number] for number in sorted(found))


def _wrong(standard: Standard, others: Iterable[Standard]) -> str:
    """Why its tests would not be run, or not as its own; empty: they are."""
    if type(standard.number) is not int:
        return f"its number is {standard.number!r}"
    if standard.file and not Path(standard.file).is_file():
        return f"there is no file {standard.file} with its tests"
    shared = [one for one in others if standard.file and one.file == standard.file and one is not standard]
    return f"its file of tests is that of standard {shared[0].number}" if shared else ""


def _own(name: str) -> Standard:
    module: ModuleType = import_module(f"mxdev_shipyard.standards.checks.{name}")
    standard: Standard = module.STANDARD
    return standard
