"""YAML through yamllint."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mxdev.errors import MxError
from mxdev.lint import configs
from mxdev.lint.configs import STYLE
from mxdev.lint.context import Context, Names, broke, name
from mxdev.lint.rule import Finding, Rule, Severity
from mxdev.lint.rules import kinds
from mxdev.lint.rules import large as too_large
from mxdev.sections.yaml import values as yaml_values
from mxdev.sections.yaml.values import LARGEST

if TYPE_CHECKING:
    from mxdev.system.programs import Result

CONFIGS = (".yamllint", ".yamllint.yaml", ".yamllint.yml")
_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


class Yamllint(Rule):
    """YAML that another parser, or a colleague, would read differently."""

    name = "yamllint"
    summary = "YAML: syntax, duplicate keys, indentation, ambiguous values"
    tool = "yamllint"

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """YAML files; no Helm templates."""
        return kinds.yaml(files)

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each problem, by the configuration that is nearest to the file."""
        for config, files in context.configs.group(context.files, CONFIGS).items():
            # The patterns in a configuration are relative to where yamllint runs.
            cwd = context.root if config is None else config.parent
            configs.check(config, partial(_named, cwd))
            chosen = ("--config-file", str(config or STYLE / "yamllint.yaml"))
            readable: list[Path] = []
            fitting, large = too_large.divide(files, LARGEST)
            for file in fitting:
                problem = _undecodable(file)
                if problem is not None:  # yamllint dies of it, and says nothing about any other file
                    yield Finding(file, problem[0], 1, f"{self.name}/encoding", "error", problem[1])
                else:
                    readable.append(file)
            left = [*_wanted(context, large, cwd, chosen)]
            where = None if config is None else ("`ignore`", config)
            yield from too_large.findings(self.name, left, LARGEST, context.root, where)
            names = Names(readable, cwd)
            line = _line_pattern([name(file, cwd) for file in readable])
            arguments = ("--format", "parsable", *chosen, "--")
            for result in context.run(arguments, readable, cwd=cwd):
                yield from self._parse(context, result, names, line)

    def _parse(
        self, context: Context, result: Result, names: Names, line: re.Pattern[str]
    ) -> Iterator[Finding]:
        text = result.stdout.decode("utf-8", "surrogateescape")
        found = list(line.finditer(text))
        # A crash has exit code 1 too, after some findings or none.
        if (
            line.sub("", text).strip()
            or (result.code and not found)
            or b"Traceback (most recent" in result.stderr
        ):
            raise broke(
                context,
                result,
                "crashed" if result.stderr else "printed something that mx does not understand",
            )
        for match in found:
            path, row, column, level, message, code = match.groups()
            rule = f"{self.name}/{code or 'syntax'}"
            url = f"https://yamllint.readthedocs.io/en/stable/rules.html#module-yamllint.rules.{code.replace('-', '_')}"
            severity: Severity = "error" if level == "error" else "warning"
            yield Finding(
                names[path], int(row), int(column), rule, severity, message, "" if code == "syntax" else url
            )


def _named(cwd: Path, config: Path, data: bytes) -> Iterator[Path]:
    """The files that a configuration extends, or takes patterns from."""
    try:
        waiting: list[Any] = [yaml_values.load(data, "")]
    except MxError:
        return  # yamllint says what is wrong
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            for key in ("extends", "ignore-from-file"):
                names = value.get(key)
                yield from (
                    cwd / name
                    for name in (names if isinstance(names, list) else [names])
                    if isinstance(name, str) and (cwd / name).exists()
                )
            waiting += value.values()


def _line_pattern(names: Sequence[str]) -> re.Pattern[str]:
    """One line of `--format parsable`. A name with a line break in it has to be known to be found."""
    odd = [one for one in names if "\n" in one or "\r" in one]
    path = "|".join([*map(re.escape, odd), r"[^\n]+?"])
    return re.compile(
        rf"^({path}):(\d+):(\d+): \[(error|warning)\] ([^\n]*?)(?: \(([a-z-]+)\))$\n?", re.MULTILINE
    )


def _undecodable(file: Path) -> tuple[int, str] | None:
    """The line, and why no YAML can be read there; None if it can."""
    from yaml.reader import Reader

    try:
        data = file.read_bytes()
        if data.startswith(_BOMS):
            return None
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        return 1, f"byte {error.start + 1} is not UTF-8; save the file as UTF-8"
    except OSError as error:
        return 1, f"cannot be read: {error.strerror}"
    if odd := Reader.NON_PRINTABLE.search(text):
        what = f"the character U+{ord(odd[0]):04X} may not stand in YAML; remove it, or write it as an escape in double quotes"
        return text.count("\n", 0, odd.start()) + 1, what
    return None


def _wanted(context: Context, files: Sequence[Path], cwd: Path, chosen: Sequence[str]) -> Iterator[Path]:
    """Which of the files the configuration does not leave out."""
    for file in files:
        for result in context.run(("--list-files", *chosen, "--"), [file], cwd=cwd):
            if result.stdout.strip():
                yield file
