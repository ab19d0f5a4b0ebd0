"""What the project learns as rendered: a task for images, one for a table, one for texts, each with data that a package ships."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """What the README and the documentation of a project say about its task.

    Attributes:
        data: a sentence about the data.
        what: what the test file is about.
        tests: the name of that file, below `tests/`.
        knob: a field of `Task` that commands in the README change.
    """

    data: str
    what: str
    tests: str
    knob: str


EXAMPLES = {
    "image": Example(
        "that is the handwritten digits that come with scikit-learn: 1,797 images of 8 by 8 pixels, each a number\n"
        "from 0 to 16, divided into training, validation and test data with every digit in the same proportion in each",
        "digits",
        "test_digits.py",
        "channels",
    ),
    "tabular": Example(
        "that is a table that comes with scikit-learn: 30 measurements of each of 569 tumors, malignant or benign,\n"
        "divided into training, validation and test data with both in the same proportion in each",
        "tumors",
        "test_tumors.py",
        "hidden",
    ),
    "text": Example(
        "that is the names of 12,620 characters, which come with Python, and what kind of character each names,\n"
        "divided into training, validation and test data with every kind in the same proportion in each",
        "names",
        "test_names.py",
        "channels",
    ),
}
# What a task has instead of those of the images, by path below `templates/`.
_OWN = ("src/{{ package }}/task.py", "src/{{ package }}/conf/task/default.yaml", "tests/test_digits.py.jinja")


def folder(task: str) -> str | None:
    """The folder of the task's own templates; None for images, whose templates are among the others."""
    return None if task == "image" else f"{task}_templates"


def is_common(path: str, task: str) -> bool:
    """Whether the template at `path` below `templates/` is rendered for this task, too."""
    return task == "image" or path not in _OWN
