"""Ready processors of tables, which the configuration's `processors` names, in their order, each with its settings.

`validate` and `deduplicate` look at the whole table; `split` says how it is divided; `scale` learns from the rows to train on, and
the model then begins with what it learned, so that whoever asks the model gives rows as they are.

Add one of your own: a file with a function here, its name in one of the lists below, and its settings in configuration.schema.json.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from processors import deduplicate, scale, split, validate

# Of the whole table: (table, settings) -> table.
TABLE = {"validate": validate.apply, "deduplicate": deduplicate.apply}
# Of the rows to train on: (rows, settings, target) -> rows, and what was learned from them.
LEARNING = {"scale": scale.apply}


class Processed(NamedTuple):
    """What the pipeline learns from.

    Attributes:
        train: rows to train on.
        test: rows that are kept for the evaluation, as they are.
        learned: what the model must begin with, in order: (name, transformer of scikit-learn).
    """

    train: pd.DataFrame
    test: pd.DataFrame
    learned: list[tuple[str, Any]]


def run(table: pd.DataFrame, values: dict[str, Any]) -> Processed:
    """Process a table as a configuration says.

    Raises:
        ValueError: the table does not fit; the message says which processor found what.
    """
    target, wanted = values["target"], values["processors"]
    if target not in table:
        raise ValueError(f"no column is called {target}; there are: {', '.join(table.columns)}")
    table = table.dropna(subset=[target])
    for one in wanted:
        if one["name"] in TABLE:
            table = TABLE[one["name"]](table, one)
    if table[target].nunique() < 2:
        raise ValueError(f"all {len(table)} rows have the same {target}: there is nothing to learn")
    how = next((one for one in wanted if one["name"] == "split"), {})
    train, test = split.apply(table, how, target, values["test_share"], values["seed"])
    learned = []
    for one in wanted:
        if one["name"] in LEARNING:
            train, transformer = LEARNING[one["name"]](train, one, target)
            learned.append((one["name"], transformer))
    return Processed(train, test, learned)
