"""The loader of YAML for files that a stranger may have written: what cannot be a value is an error of YAML's, with its line."""

from __future__ import annotations

import functools
from typing import Any

_MOST_BITS = 13_287  # of 4000 digits: Python writes no number of more than 4300, though it reads one that is not decimal


def loader() -> Any:
    """PyYAML's safe loader, the fast one where it is there, for `yaml.load` and `yaml.load_all`.

    Of a scalar that is not what its tag says, such as `!!bool maybe`, PyYAML's own raises what it came upon, a KeyError or
    an AttributeError; this one raises `yaml.constructor.ConstructorError`. Only a RecursionError is left as it is.
    """
    import yaml

    return careful(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@functools.cache
def careful(base: type) -> Any:
    """A class of PyYAML's that constructs values, with the errors that `loader` describes."""
    import yaml

    class Careful(base):  # type: ignore[misc]  # it is given
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                value = super().construct_object(node, deep)
                if type(value) is not int or value.bit_length() <= _MOST_BITS:
                    return value
                problem = "a number has more than 4000 digits"
            except ValueError as error:  # the 13th month, a number of too many digits
                problem = str(error).partition("; use sys.")[0]
            except (LookupError, AttributeError, TypeError):
                problem = f"it is no {node.tag.rpartition(':')[2]}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)

    return Careful
