"""YAML that somebody wrote: whatever is wrong with it is one error, with its line."""

from __future__ import annotations

from typing import Any


class NotYamlError(ValueError):
    """A text is no YAML, or has a value that is none, such as the day 2026-02-30.

    Attributes:
        line: where, from 1; None if that is not known.
    """

    def __init__(self, problem: str, line: int | None) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.problem, self.line = problem, line


def parse(text: str, loader: Any = None) -> Any:
    """What a text says; `loader` is PyYAML's safe loader, or one made of it.

    Raises:
        NotYamlError: it is no YAML.
    """
    import yaml

    try:
        return yaml.load(text, loader or yaml.SafeLoader)  # noqa: S506 (a safe one)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotYamlError(str(getattr(error, "problem", error)), mark.line + 1 if mark else None) from error
    except RecursionError as error:
        raise NotYamlError("it is nested too deeply", None) from error
    # PyYAML makes values as Python does, and says of a wrong one what Python says.
    except (ValueError, LookupError, AttributeError) as error:
        raise NotYamlError(f"a value in it is none: {error}", None) from error
