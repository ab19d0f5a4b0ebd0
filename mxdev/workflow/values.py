"""Where a value comes from: command line, file, project, environment, prompt, a company's default, default; and which won."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from mxdev.dialogue.questions import Back
from mxdev.errors import MxError, UsageProblem, in_words
from mxdev.generator.freetext import FreeText, reveal
from mxdev.generator.generator import Freshness
from mxdev.generator.options import REQUIRED, Option
from mxdev.plugins.defaults import Default

Ask = Callable[[Option, Any], Any]


@dataclass
class Sources:
    """Everything a value may come from, in order of precedence.

    Args:
        command_line: by option name, as typed.
        file: by option name, from `--values FILE`.
        file_name: what errors call that file.
        project: by option name, what the project knows already; of names only the form is checked, since they were accepted once.
        accepted: by option name, more that was accepted once, wherever it is given: names of instances.
        environment: usually `os.environ`; read for `MX_OPT_<NAME>`.
        ask: asks a person for an option, given its default, and raises `Back` for the question before; None where nobody can be asked.
        defaults: by option name, a company's values in place of the built-in defaults.
        freshness: how new what is fetched has to be.
        reading: nothing will be written.
        found: finds out on this machine what an option says that it is; None: nothing is looked for.
    """

    command_line: Mapping[str, Any] = field(default_factory=dict)
    file: Mapping[str, Any] = field(default_factory=dict)
    file_name: str = "--values"
    project: Mapping[str, Any] = field(default_factory=dict)
    accepted: Mapping[str, Collection[str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    ask: Ask | None = None
    defaults: Mapping[str, Default] = field(default_factory=dict)
    freshness: Freshness = "recorded"
    reading: bool = False
    found: Callable[[str], Default | None] | None = None


@dataclass
class Resolved:
    """Typed values by key, what is stored by name, and where each value comes from by name."""

    typed: dict[str, Any] = field(default_factory=dict)
    stored: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, str] = field(default_factory=dict)


def environment_name(option: str) -> str:
    """The variable that sets the option of a name: `MX_OPT_PROJECT_ID` for `project-id`."""
    return f"MX_OPT_{option.replace('-', '_').upper()}"


def resolve(
    options: Iterable[Option], sources: Sources, earlier: Mapping[str, Any] | None = None
) -> Resolved:
    """Find a value for every option.

    Args:
        options: in order; a default that is computed sees the values before it.
        sources: where to look.
        earlier: typed values by key that computed defaults may use too.

    Raises:
        UsageProblem: one error for all values that are wrong and all that are missing, with the flags that set them.
    """
    resolved = Resolved()
    seen: dict[str, Any] = dict(earlier or {})
    problems: list[str] = []
    missing: list[Option] = []
    in_order, at = list(options), -1
    # Where each question stood, and what was known then; what was answered is the default when it is asked again.
    asked: list[tuple[int, dict[str, Any], list[str], list[Option]]] = []
    answers: dict[str, Any] = {}
    while (at := at + 1) < len(in_order):
        option = in_order[at]
        raw, origin = _lookup(option, sources)
        try:
            if origin is None:
                company = _company(option, sources)
                try:
                    default = company.value if company else option.default_for(seen)
                except LookupError:
                    if problems or missing:
                        continue  # it is made from a value that is wrong or missing, which is told already
                    raise
                if sources.ask is not None and option.asked_for(seen):
                    mark = (at, dict(seen), list(problems), list(missing))
                    try:
                        raw = sources.ask(_told(option, company), answers.get(option.name, default))
                    except Back:
                        at, seen, problems, missing = asked.pop() if asked else mark
                        at -= 1
                        continue
                    asked.append(mark)
                    answers[option.name], origin = raw, "prompt"
                elif default is REQUIRED:
                    missing.append(option)
                    continue
                else:
                    raw, origin = default, company.source if company else "default"
            value = option.convert(raw, recorded=_recorded(option, raw, sources))
        except click.BadParameter as error:
            where = {"project": "mx.yaml or .mx/generators", "default": "its default"}.get(
                origin or "", origin
            )
            message = "the value is wrong" if option.secret else in_words(error.message)
            if origin == "project":
                message = f"{message.rstrip('.')}. Set another: `mx set {option.name}=VALUE`."
            problems.append(f"{option.spelling} ({where}): {message}")
            continue
        resolved.typed[option.key] = value
        if not option.secret:  # a default that is made from it would be rendered
            seen[option.key] = value
        resolved.stored[option.name] = _storable(raw, value, option)
        resolved.origin[option.name] = origin
    if problems or missing:
        problems += [
            f"{option.spelling} is missing: {option.help.rstrip('.')}. {_how(option, sources)}"
            for option in missing
        ]
        raise UsageProblem("\n".join(problems))
    return resolved


def _recorded(option: Option, raw: Any, sources: Sources) -> bool:
    """Whether this is a name that the project or an instance has already: it was accepted once, and newer rules do not concern it.

    All other values can be changed, so that what is wrong with one is said.
    """
    if not option.positional:
        return False
    known = [sources.project[name] for name in option.names if name in sources.project]
    return raw in known or any(raw in sources.accepted.get(name, ()) for name in option.names)


def _how(option: Option, sources: Sources) -> str:
    """How to give a value that is missing; what is recorded already is rendered again without asking for any."""
    if not sources.environment and not sources.file:
        return f"Set it: `mx set {option.name}=VALUE`."
    line = "Give it on the command line, by" if option.positional else f"Set it by {option.spelling} VALUE,"
    return f"{line} --values FILE or {environment_name(option.name)}."


def _company(option: Option, sources: Sources) -> Default | None:
    if option.secret:
        return None
    company = next((sources.defaults[name] for name in option.names if name in sources.defaults), None)
    if company is not None or not option.found or sources.found is None:
        return company
    found = sources.found(option.found)
    try:
        return found if found is not None and option.convert(found.value) is not None else None
    except click.BadParameter:  # such as a project id of an organisation of old, with a colon
        return None


def _told(option: Option, company: Default | None) -> Option:
    """The option as a person is asked for it: with where its default comes from."""
    if company is None:
        return option
    told = f"(default from {company.source})"
    prompt = f"{option.prompt} {told}" if option.prompt else ""
    return replace(option, help=f"{option.help.rstrip('.')} {told}", prompt=prompt)


def _lookup(option: Option, sources: Sources) -> tuple[Any, str | None]:
    places = (
        (sources.command_line, "command line"),
        (sources.file, sources.file_name),
        (sources.project, "project"),
    )
    for values, origin in places:
        for known in option.names:
            if known in values:
                return values[known], origin
    for known in option.names:
        name = environment_name(known)
        if name in sources.environment:
            text = sources.environment[name]
            return (list(option.type.split_envvar_value(text)) if option.multiple else text), name
    return None, None


def _storable(raw: Any, value: Any, option: Option) -> Any:
    """What the state file keeps: numbers and flags as such, everything else as it was written."""
    if option.multiple:
        items = raw if isinstance(raw, list | tuple) else [raw]
        return [_storable_one(item, typed) for item, typed in zip(items, value, strict=True)]
    return _storable_one(raw, value)


def _storable_one(raw: Any, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return reveal(value) if isinstance(value, str | FreeText) else str(reveal(raw))


def read_values_file(path: Path, known: Iterable[Option]) -> dict[str, Any]:
    """The values in a YAML or JSON file: a mapping from option names (with or without `--`) to values.

    Raises:
        MxError: the file cannot be read or parsed.
        UsageProblem: it is not a mapping, or names an option that nobody declares.
    """
    from mxdev.sections.yaml.values import load

    try:
        data = load(path.read_bytes(), str(path), hint="It is to hold a value for each option, no more.")
    except OSError as error:
        raise MxError(f"{path}: the values cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise UsageProblem(
            f"{path}: expected a mapping from option names to values, such as `region: europe-west4`."
        )
    names = {name for option in known for name in option.names}
    values = {str(key).removeprefix("--").replace("_", "-"): value for key, value in data.items()}
    unknown = sorted(set(values) - names)
    if unknown:
        raise UsageProblem(
            f"{path}: no option is called {', '.join(unknown)}; there are: {', '.join(sorted(names))}."
        )
    return values
