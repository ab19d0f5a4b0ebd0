"""Dockerfiles through hadolint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mxdev.lint import configs
from mxdev.lint.configs import STYLE
from mxdev.lint.context import Context, Names, as_json, broke
from mxdev.lint.rule import Finding, Rule, Severity
from mxdev.lint.rules import kinds, large

LARGEST = 128 << 10
LEVELS: dict[str, Severity] = {"error": "error", "warning": "warning", "info": "info", "style": "info"}


class Hadolint(Rule):
    """Images that cannot be repeated, run as root, or are larger than they must be."""

    name = "hadolint"
    summary = "Dockerfiles: pins, users, layers, and the shell in RUN"
    tool = "hadolint"

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """Dockerfiles and Containerfiles."""
        return kinds.dockerfiles(files)

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each diagnostic, by the configuration that is nearest to the file."""
        fitting, too_large = large.divide(context.files, LARGEST)
        yield from large.findings(self.name, too_large, LARGEST, context.root)
        for config, files in context.configs.group(fitting, (".hadolint.yaml", ".hadolint.yml")).items():
            configs.check(config)
            names = Names(files, context.root)
            arguments = ("--no-color", "--format", "json", "--config", str(config or STYLE / "hadolint.yaml"))
            for result in context.run(arguments, files):
                items: list[dict[str, Any]] = as_json(context, result, list)
                # It goes on without a configuration that it cannot read, and exits 0.
                if result.stderr.strip() or (result.code and not items):
                    raise broke(context, result)
                for item in items:
                    yield self._finding(names[item["file"]], item)

    def _finding(self, path: Path, item: dict[str, Any]) -> Finding:
        code = str(item["code"])
        wiki = "koalaman/shellcheck" if code.startswith("SC") else "hadolint/hadolint"
        line, column = max(1, int(item["line"])), max(1, int(item["column"]))
        level = LEVELS.get(str(item["level"]), "warning")
        url = f"https://github.com/{wiki}/wiki/{code}"
        return Finding(path, line, column, f"{self.name}/{code}", level, str(item["message"]), url)
