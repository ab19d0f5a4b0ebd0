"""The notebook `explore`: its cells run from top to bottom, on a model of this project's task that was trained for an epoch."""

import re

import mlflow
import pytest

from everything import tracking, trainer
from everything.provenance import project_root

NOTEBOOK = project_root() / "notebooks/explore.py"


def cells():
    """The code between lines that begin with `# %%`: the number of its first line, and its text."""
    text = NOTEBOOK.read_text(encoding="utf-8")
    starts = [found.start() for found in re.finditer(r"^# %%", text, re.MULTILINE)]
    for begin, end in zip(starts, [*starts[1:], len(text)], strict=True):
        if not text.startswith("# %% [markdown]", begin):
            yield text.count("\n", 0, begin), text[begin:end]


@pytest.fixture(scope="module")
def trained(trainer_config):
    return trainer.run(trainer_config("training.epochs=1"))


def test_its_cells_run_from_top_to_bottom(trained, monkeypatch, capsys):
    # Whatever store and run the notebook names: the tests have their own.
    opened = tracking.open_store
    monkeypatch.setattr(tracking, "open_store", lambda _experiment: opened("tests"))
    monkeypatch.setattr(tracking, "find_run", lambda _experiment, _run: mlflow.get_run(trained))
    names = {"__name__": "__main__", "__file__": str(NOTEBOOK)}
    ran = 0
    for first, code in cells():
        # With its lines where they are in the file, so that an error names the right one.
        exec(compile("\n" * first + code, str(NOTEBOOK), "exec"), names)
        ran += 1
    assert ran, f"{NOTEBOOK} has no cells of code: each begins with a line `# %%`"
