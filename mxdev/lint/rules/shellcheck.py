"""Shell scripts through shellcheck."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mxdev.lint import configs
from mxdev.lint.context import Context, Names, as_json, broke
from mxdev.lint.rule import Finding, Rule
from mxdev.lint.rules import kinds, large
from mxdev.lint.rules.hadolint import LEVELS

LARGEST = 512 << 10


class Shellcheck(Rule):
    """Scripts that break on a space in a name, or only in another shell."""

    name = "shellcheck"
    summary = "Shell: quoting, portability, commands that fail unseen"
    tool = "shellcheck"

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """Scripts by their suffix, or by their first line where they have none."""
        return kinds.shell(files)

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each comment. A `.shellcheckrc` of the repository is used; one of the person's is not."""
        fitting, too_large = large.divide(context.files, LARGEST)
        yield from large.findings(self.name, too_large, LARGEST, context.root)
        for config, files in context.configs.group(fitting, (".shellcheckrc", "shellcheckrc")).items():
            configs.check(config)
            options = ("--norc",) if config is None else ("--rcfile", str(config))
            names = Names(files, context.root)
            for result in context.run((*options, "--format", "json1", "--color=never"), files):
                answer: dict[str, Any] = as_json(context, result, dict)
                comments = answer.get("comments")
                if not isinstance(comments, list) or (result.code and not comments):
                    raise broke(context, result)
                for item in comments:
                    yield self._finding(names[item["file"]], item)

    def _finding(self, path: Path, item: dict[str, Any]) -> Finding:
        code = f"SC{item['code']}"
        line, column = max(1, int(item["line"])), max(1, int(item["column"]))
        level = LEVELS.get(str(item["level"]), "warning")
        url = f"https://www.shellcheck.net/wiki/{code}"
        return Finding(path, line, column, f"{self.name}/{code}", level, str(item["message"]), url)
