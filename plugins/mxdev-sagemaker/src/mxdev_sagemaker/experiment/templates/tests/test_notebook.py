"""The notebook's cells, run in order in this process: no Jupyter, so what Jupyter itself shows is not seen."""

from __future__ import annotations

import json
from pathlib import Path

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks/experiment.ipynb"


def test_its_cells_run_from_data_to_a_tracked_result(account: None) -> None:
    names: dict[str, object] = {}
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert names["run"]
    accuracy = names["accuracy"]
    assert isinstance(accuracy, float)
    assert accuracy > 0.7


def test_it_is_committed_without_its_output() -> None:
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert [cell["id"] for cell in cells if cell.get("outputs")] == []
