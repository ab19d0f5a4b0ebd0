"""Terraform's layout through `terraform fmt`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mxdev.lint.context import Context, Names, broke, chunks, name, run_once
from mxdev.lint.rule import Finding, Rule
from mxdev.lint.rules import kinds, large

if TYPE_CHECKING:
    from mxdev.system.programs import Result

# Formatting needs no configuration of the command line; a broken one must not get in the way.
_QUIET: Mapping[str, str | None] = {"TF_CLI_CONFIG_FILE": os.devnull, "TF_CLI_ARGS_fmt": None}
LARGEST = 4 << 20
_ERROR = re.compile(r"Error: ([^\n]+)\n\n {2}on ([^\n]+) line (\d+)(?:, in [^\n]*)?:")


class TerraformFmt(Rule):
    """One layout for all, as for Python."""

    name = "terraform-fmt"
    summary = "Terraform: syntax, and the layout that terraform fmt gives"
    tool = "terraform"
    can_fix = True

    def applies(self, files: Sequence[Path]) -> Sequence[Path]:
        """`.tf`, `.tfvars` and `.tftest.hcl`."""
        return kinds.terraform(files)

    def check(self, context: Context) -> Iterator[Finding]:
        """One finding for each file, at the first line that would change, or where the syntax is wrong."""
        yield from large.findings(self.name, large.divide(context.files, LARGEST)[1], LARGEST, context.root)
        unformatted, errors = _fmt(context, ("-check", "-list=true"))
        yield from errors
        for file in unformatted:
            line = self._first_change(context, file)
            yield Finding(file, line, 1, self.name, "error", "not formatted; `mx lint --fix` formats it")

    def fix(self, context: Context) -> None:
        """`terraform fmt`; a file with wrong syntax stays as it is, and `check` says so."""
        _fmt(context, ("-list=true",))

    def _first_change(self, context: Context, file: Path) -> int:
        data = file.read_bytes()
        result = _terraform(context, ("fmt", "-no-color", "-"), input=data)
        before, after = data.split(b"\n"), result.stdout.split(b"\n")
        return next(
            (n for n, (a, b) in enumerate(zip(before, after, strict=False), 1) if a != b), len(before)
        )


def _fmt(context: Context, options: Sequence[str]) -> tuple[list[Path], list[Finding]]:
    """Run it; the files whose layout is (or was) wrong, and the syntax errors.

    It stops at the first file with a syntax error and looks at no other: such a file is put aside, and it runs again.
    """
    listed: list[Path] = []
    errors: list[Finding] = []
    fitting, _ = large.divide(context.files, LARGEST)
    names = Names(fitting, context.root)
    odd = [file for file in fitting if "\n" in str(file)]  # it lists one name a line
    for file in odd:
        result = _terraform(context, ("fmt", *options, "-no-color", name(file, context.root)))
        if result.code not in (0, 3):
            errors.append(_syntax(context, file, result))
        elif result.stdout:
            listed.append(file)
    for chunk in chunks([name(file, context.root) for file in fitting if file not in odd]):
        while chunk:
            result = _terraform(context, ("fmt", *options, "-no-color", *chunk))
            listed += [
                names[line] for line in result.stdout.decode("utf-8", "surrogateescape").split("\n") if line
            ]
            if result.code in (0, 3):
                break
            found = [
                Finding(names[path], int(line), 1, "terraform-fmt/syntax", "error", message)
                for message, path, line in _ERROR.findall(result.stderr.decode("utf-8", "surrogateescape"))
            ]
            wrong = {finding.path for finding in found}
            left = [one for one in chunk if names[one] not in wrong]
            if len(left) == len(chunk):
                raise broke(context, result)
            errors += found
            chunk = left
    return sorted(set(listed)), sorted(set(errors))


def _syntax(context: Context, file: Path, result: Result) -> Finding:
    """The first error in a file whose name is on several lines of the message."""
    said = result.stderr.decode("utf-8", "replace")
    message, line = re.search(r"Error: ([^\n]+)", said), re.search(r" line (\d+)[,:]", said)
    if message is None or line is None:
        raise broke(context, result)
    return Finding(file, int(line[1]), 1, "terraform-fmt/syntax", "error", message[1])


def _terraform(context: Context, arguments: Sequence[str], input: bytes | None = None) -> Result:
    return run_once(context, arguments, cwd=context.root, env=_QUIET, input=input)
