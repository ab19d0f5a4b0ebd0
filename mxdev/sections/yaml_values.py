"""The plain data in a part of a YAML document, as `yaml.safe_load` would give it."""

from __future__ import annotations

import math
from typing import Any

from mxdev.errors import MxError
from mxdev.sections.yaml_document import Document, Node


def equal(one: Any, other: Any) -> bool:
    """Whether two plain values are the same; unlike `==`, True is not 1, 1 is not 1.0, and NaN is NaN. A tuple is a list."""
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(
            key in other and equal(value, other[key]) for key, value in one.items()
        )
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return str(one) == str(other)
    if type(one) is not type(other):
        return False
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


def value_of(document: Document, node: Node | None) -> Any:
    """The data of one node; the rest of the document may hold what cannot be loaded.

    Raises:
        MxError: a tag that plain YAML does not know, an alias that points out of a fragment, a value nested too deeply.
    """
    import yaml

    if node is None:
        return None
    constructor: Any = yaml.constructor.SafeConstructor()
    where = f"{document.path}:{document.line_of(node.start) + 1}"
    try:
        return constructor.construct_document(_node(document, node, {}, yaml.resolver.Resolver(), yaml))
    except yaml.MarkedYAMLError as error:
        raise MxError(f"{where}: this value cannot be read: {error.problem}.") from error
    except (RecursionError, ValueError) as error:
        raise MxError(f"{where}: this value cannot be read: {error}.") from error


def _node(document: Document, node: Node, done: dict[int, Any], resolver: Any, yaml: Any) -> Any:
    """The node as PyYAML's constructor wants it; what several aliases share is made once."""
    if node.kind == "alias":
        if node.target is None:
            raise MxError(f"{document.path}: the alias *{node.value} has no anchor here.")
        return _node(document, node.target, done, resolver, yaml)
    if id(node) in done:
        return done[id(node)]
    if node.kind == "scalar":
        tag = node.tag if node.tag not in (None, "!") else None
        tag = tag or resolver.resolve(yaml.ScalarNode, node.value, (node.plain, not node.plain))
        made = yaml.ScalarNode(tag, node.value)
    elif node.kind == "mapping":
        made = yaml.MappingNode(node.tag or "tag:yaml.org,2002:map", [])
        done[id(node)] = made
        made.value = [
            tuple(_node(document, part, done, resolver, yaml) for part in entry) for entry in node.entries
        ]
    else:
        made = yaml.SequenceNode(node.tag or "tag:yaml.org,2002:seq", [])
        done[id(node)] = made
        made.value = [_node(document, item, done, resolver, yaml) for item in node.items]
    done[id(node)] = made
    return made
