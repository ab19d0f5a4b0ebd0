"""Standard 7: tests that reach too little of the code are red."""

from __future__ import annotations

import configparser
import re
import tomllib

from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    7,
    "Coverage is measured, and less than 80 % is red.",
    "Code that no test reaches breaks in production first.",
    "In pyproject.toml, set fail_under = 80 in [tool.coverage.report], and --cov in pytest's addopts.",
    __file__,
)
LEAST = 80.0


def _gates(repository: Repository) -> list[float]:
    """Every limit that is set: in the configuration of coverage, or as an option of pytest."""
    found: list[object] = []
    texts = [
        repository.text(path)
        for path in ("pyproject.toml", "setup.cfg", "tox.ini", ".gitlab-ci.yml")
        if repository.has(path)
    ]
    if repository.has("pyproject.toml"):
        try:
            data = tomllib.loads(repository.text("pyproject.toml"))
        except tomllib.TOMLDecodeError as error:
            unmet(f"it is no TOML: {error}", "pyproject.toml")
        found.append(_limit(data))
    for path, section in (
        (".coveragerc", "report"),
        ("setup.cfg", "coverage:report"),
        ("tox.ini", "coverage:report"),
    ):
        if repository.has(path):
            parser = configparser.ConfigParser(interpolation=None, strict=False)
            try:
                parser.read_string(repository.text(path))
            except configparser.Error as error:
                unmet(f"it cannot be read: {error}", path)
            found.append(parser.get(section, "fail_under", fallback=None))
    found += [limit for text in texts for limit in re.findall(r"--cov-fail-under[= ](\d+(?:\.\d+)?)", text)]
    try:
        return [float(str(limit)) for limit in found if limit is not None]
    except ValueError as error:
        unmet(f"a least coverage is no number: {error}", "pyproject.toml")


def _limit(data: object) -> object:
    """The limit in pyproject.toml, whose tables may be anything where somebody else wrote it."""
    for key in ("tool", "coverage", "report", "fail_under"):
        data = data.get(key) if isinstance(data, dict) else None
    return data


def test_the_gate_is_high_enough(repository: Repository) -> None:
    """The limit is 80 % or more."""
    gates = _gates(repository)
    if not gates:
        unmet("no least coverage is set, so that no test run is red for it", "pyproject.toml")
    if not any(gate >= LEAST for gate in gates):
        unmet(f"the least coverage is {max(gates):g} %, and {LEAST:g} % is wanted", "pyproject.toml")


def test_coverage_is_measured(repository: Repository) -> None:
    """Pytest measures it, without anybody thinking of it."""
    places = [
        path
        for path in ("pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini", ".gitlab-ci.yml")
        if repository.has(path)
    ]
    if not any(re.search(r"--cov\b(?!-)|coverage run", repository.text(path)) for path in places):
        unmet("pytest is not told to measure coverage (--cov)", "pyproject.toml")
