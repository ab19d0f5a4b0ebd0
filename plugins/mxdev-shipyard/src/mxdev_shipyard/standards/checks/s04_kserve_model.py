"""Standard 4: inference is a subclass of KServe's model."""

from __future__ import annotations

import ast

from mxdev_shipyard.standards.checks.source import Source, parse
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
    methods = {node.name for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    served = False
    for base in cls.bases:
        name = source.dotted(base)
        served = served or name in BASES
        if name in source.classes and name not in seen:
            above, inherited = _line(source, source.classes[name], seen | {cls.name, name})
            served, methods = served or above, methods | inherited
    return served, frozenset(methods)


def test_inference_subclasses_kserve_s_model(repository: Repository) -> None:
    """A class of the file inherits from KServe's model, and it or an ancestor in the file has both methods."""
    source = parse(repository, FILE)
    served = {}
    for name, cls in source.classes.items():
        comes_from, methods = _line(source, cls)
        if comes_from:
            served[name] = methods
    if not served:
        unmet(
            "no class inherits from kserve.Model (or, in old servers, from kserve.KFModel or kfserving.KFModel)",
            FILE,
        )
    if any(methods.issuperset(METHODS) for methods in served.values()):
        return
    name, methods = max(served.items(), key=lambda item: len(item[1].intersection(METHODS)))
    missing = " and no ".join(f"{method}()" for method in METHODS if method not in methods)
    unmet(f"{name} has no {missing}", FILE, source.classes[name].lineno)
