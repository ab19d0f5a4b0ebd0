"""The click command of one generator: its options and its help."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from mxdev.commands.planning import DOWNGRADE, PLAN_OPTIONS
from mxdev.errors import MxError
from mxdev.generator.generator import Generator
from mxdev.generator.options import REQUIRED, Option
from mxdev.plugins import defaults
from mxdev.plugins.defaults import Default

COMMON = (
    *PLAN_OPTIONS,
    DOWNGRADE,
    click.Option(
        ["--values", "values_file"],
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Take values from this YAML or JSON file.",
    ),
)
_OWN = "mx_generator_values"


# Of a USAGE.md: code and tables, what begins an item of a list, code between fences, a heading.
_AS_IT_IS = re.compile(r"    |\|")
_ITEM = re.compile(r" {0,3}(?:[-*]|\d+\.) ")
_FENCE = re.compile(r" *(```+|~~~+)")
_HEADING = re.compile(r"#+ ")


class _RawOption(click.Option):
    """An option that is only collected; `mxdev.workflow.values` converts it and reports all errors at once."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        return value


class _RawArgument(click.Argument):
    """An argument that is only collected."""

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        return value


class GeneratorCommand(click.Command):
    """Adds to the help what a generator adds to a project."""

    def __init__(self, generator: type[Generator], **settings: Any) -> None:
        super().__init__(**settings)
        self.generator = generator

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it adds, what it requires, an example and the next steps."""
        usage = _wrapped(_usage(self.generator), formatter.width).lstrip("\n")
        if self.generator.requires:
            from mxdev.workflow.roles import spelled

            formatter.write(f"\nRequires: {', '.join(map(spelled, self.generator.requires))}\n")
        if self.generator.example and "Example" not in usage:
            formatter.write(f"\nExample:\n  {self.generator.example}\n")
        if usage:
            formatter.write(f"\n{usage}")


def _wrapped(text: str, width: int) -> str:
    """A USAGE.md as plain text: paragraphs and items of lists in lines of at most `width` columns; code and tables as they are.

    "# Title", "## Next steps", "run", "it" -> "Next steps:", "run it"
    """
    import textwrap

    # Each is a line as it is, or else what becomes lines again.
    blocks: list[tuple[str, bool]] = []
    fence, joins = "", False
    for line in text.splitlines():
        if fence:
            ends = line.strip().startswith(fence) and not line.strip().strip(fence[0])
            fence = "" if ends else fence
            if not ends:
                blocks.append((line.rstrip(), True))
        elif found := _FENCE.match(line):
            fence, joins = found[1], False
        elif _HEADING.match(line):
            joins = False
            if line.startswith("##"):
                blocks.append((line.lstrip("#").strip() + ":", True))
        elif not line.strip() or _AS_IT_IS.match(line):
            blocks.append((line.rstrip(), True))
            joins = False
        elif joins and not _ITEM.match(line):
            blocks[-1] = (f"{blocks[-1][0]} {line.strip()}", False)
        else:
            blocks.append((line.rstrip(), False))
            joins = True
    shown = (
        block
        if as_it_is
        else textwrap.fill(
            block,
            width,
            subsequent_indent=" " * (len(block) - len(block.lstrip())) + ("  " if _ITEM.match(block) else ""),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for block, as_it_is in blocks
    )
    return "\n".join(shown).strip("\n") + "\n"


def _usage(generator: type[Generator]) -> str:
    """The generator's USAGE.md; empty if it has none."""
    module = sys.modules[generator.__module__]
    path = Path(module.__file__ or "").with_name("USAGE.md")
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def make(generator: type[Generator]) -> click.Command:
    """The command of `generator`.

    Raises:
        MxError: it declares an option that mx itself has.
    """
    taken = {flag for parameter in COMMON for flag in parameter.opts} | {"--help", "-h"}
    for option in generator.declared():
        clash = taken.intersection(option.flags)
        if clash:
            raise MxError(
                f"{generator.__name__} of {generator.plugin} declares {clash.pop()}, which is an option of mx."
            )

    company = defaults.of(generator.__name__, defaults.company())

    @click.pass_context
    def call(ctx: click.Context, /, **parameters: Any) -> int:
        from mxdev.workflow.generate import run_generator

        given = {
            option.name: list(value) if option.multiple else value
            for option in generator.declared()
            if ctx.get_parameter_source(_parameter(option)) is click.core.ParameterSource.COMMANDLINE
            for value in [parameters[_parameter(option)]]
        }
        common = {name: value for name, value in parameters.items() if not name.startswith(_OWN)}
        return run_generator(generator, given, **common)

    return GeneratorCommand(
        generator,
        name=generator.__name__,
        callback=call,
        params=[*(_click(option, company) for option in generator.declared()), *COMMON],
        help=(generator.__doc__ or "").strip(),
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def specialised(generator: type[Generator], arguments: list[str]) -> type[Generator]:
    """`generator` with the options that what stands on the command line asks for."""
    if generator.specialise.__func__ is Generator.specialise.__func__:  # type: ignore[attr-defined]
        return generator
    # The options that are yet to be found stand there too, so what is not known is passed over.
    seen = make(generator).make_context(
        generator.__name__, list(arguments), resilient_parsing=True, ignore_unknown_options=True,
        allow_extra_args=True,
    ).params  # fmt: skip
    given = {option.name: seen.get(_parameter(option)) for option in generator.declared()}
    return generator.specialise({k: v for k, v in given.items() if v not in (None, ())}, "newest", {})


def _parameter(option: Option) -> str:
    return f"{_OWN}_{option.key}"


def _click(option: Option, company: Mapping[str, Default]) -> click.Parameter:
    if option.positional:
        return _RawArgument(
            [_parameter(option)], type=option.type, required=False, metavar=f"[{option.name.upper()}]"
        )
    help = option.help
    if option.name in company and not option.secret:
        help = f"{help}  [default: {company[option.name]}]"
    elif not callable(option.default) and not any(
        option.default is x for x in (REQUIRED, None, "", (), False)
    ):
        help = f"{help}  [default: {option.default}]"
    elif option.default is REQUIRED:
        help = f"{help}  [required]"
    old = [option.formerly] if option.formerly else []
    return _RawOption([_parameter(option), *option.flags, *old], type=option.type, multiple=option.multiple,
                      is_flag=option.is_flag or None, help=help)  # fmt: skip
