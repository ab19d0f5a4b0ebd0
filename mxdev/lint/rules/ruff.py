"""Python through Ruff: `ruff check` and `ruff format`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdev.lint import configs
from mxdev.lint.configs import STYLE
from mxdev.lint.context import Context, Names, as_json, broke, readable
from mxdev.lint.rule import Finding, Rule, Severity
from mxdev.lint.rules import kinds, large
from mxdev.system.files import plain

if TYPE_CHECKING:
    from mxdev.system.programs import Result


LARGEST = 16 << 20
LARGEST_NOTEBOOK = 256 << 20
"""Nearly all of it is the images of its outputs, which Ruff passes over."""
_CONFIGS = (".ruff.toml", "ruff.toml", "pyproject.toml")


class RuffCheck(Rule):
    """Code that is wrong, unsafe or out of date."""

    name = "ruff-check"
    summary = "Python: errors, imports, names, security, old idioms (ruff check)"
    tool = "ruff"
    can_fix = True

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """Python files."""
        return kinds.python(files)

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each diagnostic."""
        for item, path in _diagnostics(context, ("check", "--no-fix", "--output-format", "json"), (0, 1)):
            yield _finding(self.name, item, path)
        yield from _large(self.name, context)

    def fix(self, context: Context) -> None:
        """The fixes that Ruff calls safe."""
        _run_all(context, ("check", "--fix", "--no-unsafe-fixes", "--quiet"))


class RuffFormat(Rule):
    """One layout for all, so that nobody has to talk about it."""

    name = "ruff-format"
    summary = "Python, also in Markdown: the layout that ruff format gives"
    tool = "ruff"
    can_fix = True

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """Python files, and Markdown with Python in it: the same files that `ruff format` finds by itself."""
        return [*kinds.python(files), *kinds.markdown(files)]

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each file, at the first line that would change; one for each thing that stops the formatter."""
        yield from _large(self.name, context)
        seen: set[Path] = set()
        # 2: a file could not be parsed; it is among the diagnostics then.
        for item, path in _diagnostics(context, ("format", "--check", "--output-format", "json"), (0, 1, 2)):
            if item.get("code") != "unformatted":
                yield _finding(self.name, item, path)
            elif path not in seen:
                seen.add(path)
                line = int((item.get("location") or {}).get("row") or 1)
                yield Finding(
                    path,
                    line,
                    1,
                    self.name,
                    "error",
                    _cell(item) + "not formatted; `mx lint --fix` formats it",
                )

    def fix(self, context: Context) -> None:
        """`ruff format`; a file that cannot be parsed stays as it is, and `check` says so."""
        _run_all(context, ("format", "--quiet"))


def _grouped(context: Context, files: Sequence[Path] | None = None) -> Iterable[tuple[list[str], list[Path]]]:
    """The files by who says how they should look: their own configuration, which Ruff finds, or the house style.

    Args:
        context: the rule's.
        files: which ones; default: those of the context that are not too large.

    Raises:
        MxError: with one of the configurations Ruff would come to no end.
    """
    if files is None:
        files = [file for some, bound in _by_bound(context.files) for file in large.divide(some, bound)[0]]
    groups = context.configs.group(files, _CONFIGS, _configures_ruff)
    for config in groups:
        configs.check(config, _extended)
    own = sorted(file for config, files in groups.items() if config is not None for file in files)
    options = ["--force-exclude", *_cache(context.files)]
    if own:
        yield options, own
    if None in groups:
        yield [*options, "--config", str(STYLE / "ruff-house.toml")], groups[None]


def _extended(file: Path, data: bytes) -> Iterator[Path]:
    """The configuration that one of Ruff's extends."""
    import tomllib

    try:
        settings = tomllib.loads(data.decode("utf-8"))
        if file.name == "pyproject.toml":
            settings = settings["tool"]["ruff"]
        yield file.parent / Path(os.path.expandvars(settings["extend"])).expanduser()
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, RuntimeError):
        return  # Ruff says what is wrong, or nothing is


def _large(rule: str, context: Context) -> Iterator[Finding]:
    """One finding for each file that is too large and that no configuration excludes."""
    for some, bound in _by_bound(context.files):
        _, files = large.divide(some, bound)
        for options, group in _grouped(context, files) if files else ():
            for file in group:
                config = context.configs.nearest(file, _CONFIGS, _configures_ruff)
                where = None if config is None else (_setting(config), config)
                if file.suffix == ".md":  # of which Ruff does not tell whether a configuration excludes it
                    yield from large.findings(rule, [file], bound, context.root)
                elif _is_shown(context, options, file):
                    yield from large.findings(rule, [file], bound, context.root, where)


def _by_bound(files: Iterable[Path]) -> tuple[tuple[list[Path], int], ...]:
    """Notebooks, and the others, each with how many bytes one may have."""
    notebooks = [file for file in files if file.suffix == ".ipynb"]
    return (notebooks, LARGEST_NOTEBOOK), ([file for file in files if file.suffix != ".ipynb"], LARGEST)


def _is_shown(context: Context, options: Sequence[str], file: Path) -> bool:
    return any(
        result.stdout.strip()
        for result in context.run(("check", "--show-files", *options), [file], codes=(0,))
    )


def _setting(config: Path) -> str:
    return "`extend-exclude` of `[tool.ruff]`" if config.name == "pyproject.toml" else "`extend-exclude`"


def _cache(files: Sequence[Path]) -> list[str]:
    """Keep Ruff's cache among mx's: in the folder that is checked it would be litter."""
    from mxdev.system.files import private
    from mxdev.system.user_dirs import cache_folder

    if any(readable(str(file)) != str(file) for file in files):
        return ["--no-cache"]  # Ruff 0.17 dies of a name that is not UTF-8 when it writes its cache
    folder = cache_folder() / "ruff"
    try:
        private.make_folder(folder)
    except OSError:
        return ["--no-cache"]
    return ["--cache-dir", str(folder)] if os.access(folder, os.W_OK) else ["--no-cache"]


def _configures_ruff(path: Path) -> bool:
    if path.name != "pyproject.toml":
        return True
    import tomllib

    try:
        return "ruff" in tomllib.loads(plain.text(path)).get("tool", {})
    except (OSError, ValueError, RecursionError, AttributeError):
        return True  # Ruff says better what is wrong with it.


def _diagnostics(
    context: Context, arguments: Sequence[str], codes: Sequence[int]
) -> Iterator[tuple[dict[str, Any], Path]]:
    for options, files in _grouped(context):
        names = Names(files, context.root)
        for result in context.run((*arguments, *options), files, codes=codes):
            items = _parse(context, result)
            for item in items:
                yield item, names[item["filename"]]


def _parse(context: Context, result: Result) -> list[dict[str, Any]]:
    if not result.stdout and not result.code and b"No Python files found" in result.stderr:
        return []  # its configuration excludes every file; the formatter then prints not even an empty list
    items: list[dict[str, Any]] = as_json(context, result, list)
    if not items and result.code:
        raise broke(context, result)
    if not all(isinstance(item, dict) and isinstance(item.get("filename"), str) for item in items):
        raise broke(context, result, "printed something that mx does not understand")
    return items


def _run_all(context: Context, arguments: Sequence[str]) -> None:
    for options, files in _grouped(context):
        for _ in context.run((*arguments, *options), files, codes=(0, 1, 2)):
            pass


def _finding(rule: str, item: dict[str, Any], path: Path) -> Finding:
    place = item.get("location") or {}
    code = item.get("code") or "invalid-syntax"
    message = _cell(item) + (item.get("message") or item.get("name") or str(code))
    severity: Severity = "warning" if item.get("severity") == "warning" else "error"
    line, column = int(place.get("row") or 1), int(place.get("column") or 1)
    return Finding(path, line, column, f"{rule}/{code}", severity, message, item.get("url") or "")


def _cell(item: dict[str, Any]) -> str:
    """In a notebook lines are counted in each cell."""
    return f"cell {item['cell']}: " if item.get("cell") else ""
