"""Try the processors on this machine: `python -m processors CONFIGURATION.json TABLE.csv FOLDER` writes train.csv and test.csv."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd

from processors import run


def main(arguments: list[str]) -> int:
    """Run the program; its exit code."""
    if len(arguments) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    configuration, table, folder = map(Path, arguments)
    values = {"test_share": 0.2, "seed": 0, "processors": []}
    values |= json.loads(configuration.read_text(encoding="utf-8"))
    try:
        made = run(pd.read_csv(table), values)
    except (ValueError, KeyError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", made.train), ("test", made.test)):
        part.to_csv(folder / f"{name}.csv", index=False)
        print(f"{name}: {len(part)} rows")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
