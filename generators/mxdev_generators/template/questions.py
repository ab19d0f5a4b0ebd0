"""The questions of a template, read from its configuration, as options.

Formats: https://copier.readthedocs.io/en/stable/configuring/ and
https://cookiecutter.readthedocs.io/en/stable/advanced/. What is computed (defaults, conditions, choices that are a
template) is left to Copier and Cookiecutter themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import click

from mxdev.errors import MxError, UsageProblem
from mxdev.generator.options import Option, ParamType
from mxdev_generators.template.source import Template

Kind = Literal["copier", "cookiecutter"]
_COPIER = re.compile(r"copier\.ya?ml", re.IGNORECASE)
_DYNAMIC = re.compile(r"\{\{|\{%|\[\[|\[%")


class Lenient(ParamType):
    """Shown like another type, but takes every value: what is recorded may be no answer to a newer template's question.

    Args:
        strict: the type that values are of which are given now.
    """

    def __init__(self, strict: Any) -> None:
        self.strict = strict
        self.name = strict.name

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str | None:
        """What `--help` shows for the value."""
        shown: str | None = self.strict.get_metavar(param, ctx)
        return shown

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The value as it is."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """What the strict type completes."""
        found: list[Any] = self.strict.shell_complete(ctx, param, incomplete)
        return found


@dataclass(frozen=True)
class Question:
    """One thing that a template asks.

    Attributes:
        name: as the template knows it.
        option: what mx makes of it.
        type: of the value: "bool", "int", "float", "str", "path", "json", "yaml"; "" for one that is computed.
        required: it has no default and is always asked.
        computed: it is never asked; its value is made from other answers.
    """

    name: str
    option: Option
    type: str = "str"
    required: bool = False
    computed: bool = False

    def check(self, value: Any) -> None:
        """Refuse a given value that is wrong on the face of it; Copier checks the rest.

        Raises:
            UsageProblem: naming the option.
        """
        assert isinstance(self.option.type, Lenient)
        try:
            for item in value if isinstance(value, list) else [value]:
                self.option.type.strict.convert(item, None, None)
        except click.BadParameter as error:
            shown = "the value is wrong" if self.option.secret else error.message
            raise UsageProblem(f"{self.option.spelling}: {shown}") from error

    def recorded(self, value: Any) -> Any:
        """An answer as it is recorded: what is not a plain value as JSON, which is YAML too."""
        if self.option.multiple and isinstance(value, list):
            return [_plain(item) for item in value]
        if self.type in ("json", "yaml", "") or not isinstance(value, str | int | float):
            return value if isinstance(value, bool | int | float) else _json(value)
        return value


@dataclass(frozen=True)
class Questionnaire:
    """What a template's configuration says."""

    kind: Kind
    questions: dict[str, Question] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else _json(value)


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, default=str)


def read(template: Template, taken: Iterable[str]) -> Questionnaire:
    """The questions of a template.

    Args:
        template: which one.
        taken: flags that a question cannot have.

    Raises:
        MxError: it is not a template, or its configuration cannot be read.
    """
    top = [path for path in template.files() if "/" not in path]
    found = [path for path in top if _COPIER.fullmatch(path)]
    if len(found) > 1:
        raise MxError(f"The template {template.title} has {' and '.join(found)}; it may have one of them.")
    if not found and "cookiecutter.json" in top:
        return _cookiecutter(template, set(taken))
    if template.directory and (found or top):
        raise UsageProblem(
            f"{template.title} is not a template of Cookiecutter, and Copier takes a repository as a whole.",
            hint="Leave out --directory.",
        )
    # Copier renders a folder without a configuration too, and without questions; one without any template is a mistake.
    if not found and not any(".jinja" in path for path in template.files()):
        raise MxError(
            f"{template.title} is not a template: it has neither copier.yml nor cookiecutter.json.",
            hint="If the template is in another folder of it, name that one; of a repository by --directory.",
        )
    return _copier(template, found[0], set(taken)) if found else Questionnaire("copier")


def _copier(template: Template, path: str, taken: set[str]) -> Questionnaire:
    merged: dict[str, Any] = {}
    for document in _documents(template, path, template.read(path)):
        merged.update(document)
    settings = {str(key)[1:]: value for key, value in merged.items() if str(key).startswith("_")}
    secrets = set(settings.get("secret_questions") or ())
    questions = {}
    for key, value in merged.items():
        name = str(key)
        if not name.startswith("_"):
            details = dict(value) if isinstance(value, Mapping) else {"default": value}
            if name in secrets:
                details["secret"] = True
            questions[name] = _question(name, details, taken)
    return Questionnaire("copier", questions, settings)


def _documents(template: Template, path: str, text: str, depth: int = 0) -> list[dict[str, Any]]:
    """Every mapping in a configuration file, those that it includes too, in order."""
    import yaml

    class Loader(yaml.SafeLoader):
        """With `!include`, which takes a glob pattern; a class of its own, since constructors belong to a class."""

    def include(_: yaml.SafeLoader, node: yaml.Node) -> list[dict[str, Any]]:
        if depth > 20:
            raise MxError(f"{path} of the template {template.title} includes itself.")
        included = template.matching(str(node.value))
        return [d for file in included for d in _documents(template, file, template.read(file), depth + 1)]

    Loader.add_constructor("!include", include)
    try:
        loaded = list(yaml.load_all(text, Loader=Loader))
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError) as error:
        raise MxError(f"{path} of the template {template.title} cannot be read: {error}") from error
    return [item for item in _flat(loaded) if isinstance(item, dict)]


def _flat(items: Iterable[Any]) -> Iterable[Any]:
    for item in items:
        yield from _flat(item) if isinstance(item, list) else [item]


def _question(name: str, details: Mapping[str, Any], taken: set[str]) -> Question:
    default = details.get("default")
    computed = isinstance(default, str) and bool(_DYNAMIC.search(default))
    kind = str(details.get("type") or _type_of(default, "default" in details))
    if _DYNAMIC.search(kind):
        kind = ""
    many = bool(details.get("multiselect"))
    help = _help(details.get("help"), name)
    if details.get("when", True) is not True:
        help += "  [only sometimes asked]"
    if "default" in details and default not in (None, "", []) and not details.get("secret"):
        help += f"  [default: {'computed' if computed else _shown(default)}]"
    required = "default" not in details and details.get("when", True) is True and not details.get("secret")
    if required:
        help += "  [required]"
    type = Lenient(_click_type(kind, details.get("choices"), many))
    option = Option(_option_name(name, taken), (), type, _default(many),
                    help, multiple=many, secret=bool(details.get("secret")))  # fmt: skip
    return Question(name, _with_flag(option), kind, required, details.get("when") is False)


def _shown(default: Any) -> str:
    from mxdev.plugins.defaults import shown

    return _json(default) if isinstance(default, Mapping) else shown(default)


def _default(many: bool) -> Any:
    # "No value": Copier finds the default, which may be computed from other answers.
    return () if many else None


def _type_of(default: Any, given: bool) -> str:
    known = {bool: "bool", int: "int", float: "float", str: "str"}
    return known.get(type(default), "yaml") if given else "yaml"


def _help(text: Any, name: str) -> str:
    line = (
        " ".join(str(text).split()) if text else name.replace("_", " ").replace("-", " ").capitalize() + "."
    )
    return line if not _DYNAMIC.search(line) else name


def _option_name(name: str, taken: set[str]) -> str:
    """`--project-name` for `project_name`; `--answer-json` for what mx has a `--json` of its own for."""
    plain = name.replace("_", "-")
    return f"answer-{plain}" if f"--{plain}" in taken or plain.startswith("answer-") else plain


def _with_flag(option: Option) -> Option:
    from dataclasses import replace

    return replace(option, flags=(f"--{option.name}",))


def _click_type(kind: str, choices: Any, many: bool) -> Any:
    if choices and (values := _choices(choices)) is not None:
        return click.Choice(values)
    if choices or many:
        return click.STRING
    return {"bool": click.BOOL, "int": click.INT, "float": click.FLOAT}.get(kind, click.STRING)


def _choices(choices: Any) -> list[str] | None:
    """The values that can be chosen; None where only Copier can tell."""
    if isinstance(choices, str):
        return None
    items = list(choices.values()) if isinstance(choices, Mapping) else list(choices)
    values = []
    for item in items:
        value = item[1] if isinstance(item, list | tuple) and len(item) == 2 else item
        if isinstance(value, Mapping):
            value = value.get("value")
        if not isinstance(value, str | int | float) or _DYNAMIC.search(str(value)):
            return None
        values.append(str(value).lower() if isinstance(value, bool) else str(value))
    return values


def _cookiecutter(template: Template, taken: set[str]) -> Questionnaire:
    import json

    try:
        loaded = json.loads(template.read("cookiecutter.json"))
        items = dict(loaded)
    except (ValueError, TypeError) as error:
        raise MxError(
            f"cookiecutter.json of the template {template.title} cannot be read: {error}"
        ) from error
    if nested := _nested(items):
        raise UsageProblem(
            f"{template.title} has several templates: {', '.join(nested)}.",
            hint=f"Say which one you want: --directory {nested[0]}",
        )
    prompts = items.get("__prompts__") or {}
    questions = {}
    for name, default in items.items():
        if name.startswith("_"):
            continue
        prompt = prompts.get(name)
        details: dict[str, Any] = {"default": default, "help": prompt if isinstance(prompt, str) else None}
        if isinstance(default, list):
            details = {**details, "default": default[0] if default else "", "choices": default, "type": "str"}
        elif isinstance(default, Mapping):
            details["type"] = "json"
        elif not isinstance(default, bool):
            details["type"] = "str"
        questions[name] = _question(name, details, taken)
    return Questionnaire("cookiecutter", questions, {k: v for k, v in items.items() if k not in questions})


def _nested(items: Mapping[str, Any]) -> list[str]:
    """The folders of the templates among which a configuration lets one choose, in either of Cookiecutter's two forms."""
    import posixpath

    if isinstance(newer := items.get("templates"), Mapping):
        paths = [str(one.get("path")) for one in newer.values() if isinstance(one, Mapping)]
    else:
        older = items.get("template")
        named = (re.search(r"\((.+)\)", str(one)) for one in (older if isinstance(older, list) else ()))
        paths = [found[1] for found in named if found]
    return [posixpath.normpath(path) for path in paths]
