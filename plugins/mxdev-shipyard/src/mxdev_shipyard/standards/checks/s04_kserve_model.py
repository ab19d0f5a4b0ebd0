"""Standard 4: inference is a subclass of KServe's model."""

from __future__ import annotations

import ast

from mxdev_shipyard.standards.checks.source import Source, members, parse
from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    4,
    "serve.py subclasses KServe's model, with load() and predict().",
    "The server, its probes and its scaling know a model by these two; another shape is served by nobody.",
    "In serve.py, write a class of kserve.Model that has load(self) and predict(self, payload, headers=None).",
    __file__,
)
FILE = "serve.py"
BASES = frozenset(
    {"kfserving.KFModel", "kfserving.kfmodel.KFModel", "kserve.KFModel", "kserve.Model", "kserve.model.Model"}
)
METHODS = ("load", "predict")


def _line(
    source: Source, cls: ast.ClassDef, seen: frozenset[str] = frozenset()
) -> tuple[bool, frozenset[str]]:
    """Whether a class comes from KServe's model, and the methods that it and its ancestors in the file define."""
    methods, served = members(cls), False
    for base in cls.bases:
        name = source.dotted(base)
        served = served or name in BASES
        for ancestor in source.classes.get(name, ()) if name not in seen else ():
            above, inherited = _line(source, ancestor, seen | {cls.name, name})
            served, methods = served or above, methods | inherited
    return served, methods


def test_inference_subclasses_kserve_s_model(repository: Repository) -> None:
    """A class of the file inherits from KServe's model, and it or an ancestor in the file has both methods."""
    source = parse(repository, FILE)
    served: list[tuple[ast.ClassDef, frozenset[str]]] = []
    for cls in (one for found in source.classes.values() for one in found):
        comes_from, methods = _line(source, cls)
        if comes_from:
            served.append((cls, methods))
    if not served:
        unmet(
            "no class inherits from kserve.Model (or, in old servers, from kserve.KFModel or kfserving.KFModel)",
            FILE,
        )
    if any(methods.issuperset(METHODS) for _, methods in served):
        return
    cls, methods = max(served, key=lambda one: len(one[1].intersection(METHODS)))
    missing = " and no ".join(f"{method}()" for method in METHODS if method not in methods)
    unmet(f"{cls.name} has no {missing}", FILE, cls.lineno)
