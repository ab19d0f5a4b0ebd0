"""A company's defaults for options: from plugins, and from the user's `defaults.yaml`.

They count where nothing else gives a value: below the command line, `--values`, the project and the environment, above
the built-in default. Where a person is asked, they are what an empty answer means.

`defaults.yaml` maps options to values; an option of one generator stands below its name, or after it and a dot::

    region: europe-west3
    MLProjectSkeleton:
      python: "3.12"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mxdev.errors import MxError
from mxdev.plugins import model, origin, registry

if TYPE_CHECKING:
    from mxdev.generator.generator import Generator

FILE = "defaults.yaml"


class Default(NamedTuple):
    """A value, and in words where it comes from."""

    value: Any
    source: str

    def __str__(self) -> str:
        return f"{shown(self.value)}, from {self.source}"


def shown(value: Any) -> str:
    """A value as a person would write it."""
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def company() -> dict[str, Default]:
    """All defaults by "option" or "generator.option", the generator in its dashed spelling; the user's before a plugin's.

    Raises:
        MxError: the user's file cannot be read.
    """
    found: dict[str, list[Default]] = {}
    for plugin, values in registry.data("mx_defaults"):
        for name, value in flat(values).items():
            found.setdefault(name, []).append(Default(value, f"the plugin {plugin}"))
    user = _user()
    source = origin.of_mx()
    result = {} if source is None else {"mx-source": Default(source, "how mx was installed")}
    for name, given in found.items():
        if any(other.value != given[0].value for other in given) and name not in user:
            homes = " and ".join(default.source.removeprefix("the plugin ") for default in given)
            model.warn_once(
                f"the default of {name} is left out: {homes} differ on it; set it in {FILE} of your own"
            )
        else:
            result[name] = given[0]
    return {**result, **user}


def of(generator: str, defaults: Mapping[str, Default]) -> dict[str, Default]:
    """The defaults that count for one generator, by option name."""
    from mxdev.plugins.catalog import dashed

    plain = {name: default for name, default in defaults.items() if "." not in name}
    head = dashed(generator) + "."
    return plain | {
        name.removeprefix(head): default for name, default in defaults.items() if name.startswith(head)
    }


def misspelt(generators: Sequence[type[Generator]]) -> Iterator[str]:
    """What is wrong with the names in the user's file, as far as it concerns these generators, a line each.

    A name that nothing here has may be meant for a plugin that is not installed; so only what is close to one that these
    generators have is told, and what is written below their names.
    """
    user = _user()
    if not user:
        return
    from difflib import get_close_matches

    from mxdev.plugins.catalog import available, dashed

    own = {dashed(cls.__name__): {n for o in cls.declared() for n in o.names} for cls in generators}
    options = set().union(*own.values())
    known = {dashed(entry.name) for entry in available().values()}
    for name, default in user.items():
        head, dot, option = name.rpartition(".")
        if head in own and option not in own[head]:
            near = get_close_matches(option, own[head], n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(own[head]))}"
            yield f"{default.source}: {head} has no option {option}; {hint}"
        elif dot and head not in known and (near := get_close_matches(head, own, n=1, cutoff=0.8)):
            yield f"{default.source}: there is no generator {head}; did you mean {near[0]}?"
        elif dot or name in options:
            continue
        elif (near := get_close_matches(name, options, n=1, cutoff=0.8)) and not _declared_anywhere(name):
            yield f"{default.source}: no generator has an option {name}; did you mean {near[0]}?"


def _declared_anywhere(name: str) -> bool:
    import contextlib

    from mxdev.plugins.catalog import available, load

    for entry in available().values():
        with contextlib.suppress(MxError):
            if any(name in option.names for option in load(entry).declared()):
                return True
    return False


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by "option" or "generator.option", the generator in its dashed spelling, whichever way they were nested."""
    from mxdev.plugins.catalog import dashed

    flat: dict[str, Any] = {}
    for key, value in values.items():
        generator, dot, name = str(key).rpartition(".")
        if isinstance(value, Mapping) and not dot:
            flat |= {f"{dashed(name)}.{_name(option)}": item for option, item in value.items()}
        else:
            flat[f"{dashed(generator)}.{_name(name)}" if dot else _name(name)] = value
    return flat


def _name(text: Any) -> str:
    return str(text).removeprefix("--").replace("_", "-")


def _user() -> dict[str, Default]:
    from mxdev.system.user_dirs import config_folder

    path = config_folder() / FILE
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise MxError(f"{path} cannot be read: {error.strerror}") from error
    from mxdev.sections.yaml.values import load

    loaded = load(data, str(path), hint="Correct it, or move it away.")
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        raise MxError(f"{path} is not a mapping.", hint="Write `option: value`, one a line.")
    return {name: Default(value, str(path)) for name, value in flat(loaded).items()}
