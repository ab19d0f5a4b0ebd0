"""What the world reaches by a Kubernetes object: hosts, and the Services behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def endpoints(thing: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What the world reaches by an object: each host (or the object's name), and the Services behind it."""
    spec = thing.get("spec") or {}
    kind = thing.get("kind")
    if kind == "VirtualService":
        behind = [str(host).partition(".")[0] for host in _values(spec.get("http"), "host")]
        yield from ((str(host), behind) for host in spec.get("hosts") or ())
    elif kind == "HTTPRoute":
        behind = [
            str(back.get("name"))
            for rule in spec.get("rules") or ()
            for back in (rule or {}).get("backendRefs") or ()
        ]
        yield from ((str(host), behind) for host in spec.get("hostnames") or (_name(thing),))
    elif kind == "Ingress":
        for rule in spec.get("rules") or ():
            behind = [str(one.get("name")) for one in _values(rule, "service") if isinstance(one, dict)]
            yield str(rule.get("host") or _name(thing)), behind
    elif kind == "Service" and spec.get("type") == "LoadBalancer":
        yield _name(thing), [_name(thing)]


def _values(value: Any, key: str) -> Iterator[Any]:
    """All values of `key`, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from _values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, key)


def _name(thing: Mapping[str, Any]) -> str:
    return str((thing.get("metadata") or {}).get("name") or "")
