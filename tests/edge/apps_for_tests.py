"""A generator whose app stands behind the gateway, and what it renders for given values: for the tests of the edge."""

from __future__ import annotations

from typing import Any

import yaml

from mxdev import Tree
from mxdev.generator import Values
from mxdev.testing import render, text
from mxdev_generators.edge.apps import App, expose

FOLDER = "infrastructure/kubernetes/app"


def values_of(**options: Any) -> Values:
    """The values that an app's generator sees: of a project with DeploymentInfrastructure."""
    given = {"name": "churn-model", "domain": "ml.example.com", **options}
    return render("DeploymentInfrastructure", **given).generator.values


def exposed(app: App, **options: Any) -> Tree:
    """What `expose` renders of an app."""
    tree = render(
        "DeploymentInfrastructure", **{"name": "churn-model", "domain": "ml.example.com", **options}
    )
    mine = Tree(tree.generator)
    expose(mine, app, tree.generator.values, FOLDER)
    return mine


def route(app: App, **options: Any) -> list[dict[str, Any]]:
    """The objects of an app's route."""
    return list(yaml.safe_load_all(text(exposed(app, **options), f"{FOLDER}/route.yaml")))
