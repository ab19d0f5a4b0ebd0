"""`--cloud none`: a project that trains on the machine it is on, in few files, until a cluster is wanted."""

from __future__ import annotations

FOLDER = "laptop_templates"

_PACKAGE = "src/{{ package }}"
# What it has of `templates/`; what else it needs is simpler without a cluster, and has templates of its own.
_KEPT = frozenset(
    {
        ".gitignore",
        "pyproject.toml.jinja",
        "tests/test_digits.py.jinja",
        "tests/test_task.py.jinja",
        *(
            f"{_PACKAGE}/{name}"
            for name in (
                "__init__.py",
                "conf/evaluation.yaml.jinja",
                "conf/hydra/job_logging/plain.yaml",
                "conf/task/default.yaml",
                "conf/trainer.yaml.jinja",
                "data/__init__.py",
                "data/datasets.py",
                "device.py",
                "evaluation.py",
                "provenance.py",
                "task.py",
                "tracking.py",
            )
        ),
    }
)


def keeps(template: str) -> bool:
    """Whether the template at this path below `templates/` is rendered without a cluster, too."""
    return template in _KEPT
