"""The dataset `customers`: a table in a CSV file. `python -m everything.data.customers` checks it and logs what is in it."""

import csv
import hashlib
import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import hydra
import mlflow
import torch
from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from torch import Tensor
from torch.utils.data import TensorDataset

from .datasets import Datasets, Version

log = logging.getLogger(__name__)

# What the runs that describe it are found by: the tag `stage`.
STAGE = "customers"


@dataclass
class Table:
    """Numbers in columns, one of which is to be predicted; `conf/dataset/customers.yaml` says what each value means."""

    path: str
    target: str
    skip: list[str]
    split_seed: int
    validation_fraction: float
    test_fraction: float

    def datasets(self) -> Datasets:
        """The data, divided. Examples are pairs: the numbers of a row, and its target.

        The same values always give the same parts.
        """
        _, rows, targets = self.load()
        train, validation, test = (
            TensorDataset(rows[part], targets[part]) for part in self.parts(len(rows))
        )
        return Datasets(train, validation, test, version=self.version)

    def load(self) -> tuple[list[str], Tensor, Tensor]:
        """The names of the columns, their numbers (rows, columns), and the targets (rows).

        Raises:
            FileNotFoundError: there is no such file.
            IsADirectoryError: it is a folder.
            ValueError: it is no such table; the message says where.
        """
        columns, rows, targets = self.exact()
        return columns, rows.float(), targets.float()

    def exact(self) -> tuple[list[str], Tensor, Tensor]:
        """What `load` gives, with the 64 bits of the numbers that were read; a training has 32 of them.

        Raises: as `load`.
        """
        header, rows = self._read()
        self._check(header, len(rows))
        columns = [name for name in header if name not in (self.target, *self.skip)]
        numbers = [self._numbers(header, line, row) for line, row in rows]
        inputs = [[row[name] for name in columns] for row in numbers]
        targets = torch.tensor([row[self.target] for row in numbers], dtype=torch.float64)
        if targets.min() == targets.max():
            raise ValueError(
                f"{self.path}: {self.target!r} is {targets[0]:g} in every row, so nothing can be learned."
            )
        if targets.float().min() == targets.float().max():
            raise ValueError(
                f"{self.path}: {self.target!r} differs by less than 32 bits can hold, so nothing can be learned. "
                "Subtract a constant from it, or scale it."
            )
        return columns, torch.tensor(inputs, dtype=torch.float64), targets

    def _read(self) -> tuple[list[str], list[tuple[int, list[str]]]]:
        """The names of the columns, and each row with the line that it begins in."""
        if "://" in self.path:
            raise ValueError(
                "dataset.path is a URI, and a table is read from a file: copy it to this machine first."
            )
        if Path(self.path).is_dir():
            raise IsADirectoryError(f"{self.path} is a folder. Set dataset.path to a file in it.")
        if not Path(self.path).is_file():
            raise FileNotFoundError(
                f"{self.path} does not exist. Put the table there, or set dataset.path."
            )
        rows, line = [], 1
        try:
            with Path(self.path).open(newline="", encoding="utf-8-sig") as file:
                table = csv.reader(file, strict=True)
                header = next(table, [])
                line = table.line_num + 1
                for row in table:
                    if row:
                        rows.append((line, row))
                    line = table.line_num + 1
        except csv.Error as problem:
            raise ValueError(
                f"{self.path}, the row from line {line} on: {problem}. Is a quotation mark not closed?"
            ) from problem
        except UnicodeDecodeError as problem:
            raise ValueError(
                f"{self.path} is no CSV in UTF-8: {problem}. Unpack it, or save it in that encoding."
            ) from problem
        return header, rows

    def _check(self, header: list[str], size: int) -> None:
        """Raise ValueError where the columns are not those that are configured, or the rows are too few."""
        for separator in (";", "\t", "|"):
            if len(header) == 1 and separator in header[0]:
                raise ValueError(
                    f"{self.path}, line 1: {separator!r} stands between the cells. Save the table with commas "
                    "there, and with points in numbers."
                )
        if self.target in self.skip:
            raise ValueError(f"dataset.skip has the target, {self.target!r}. Take it out.")
        for name in (self.target, *self.skip):
            if name not in header:
                raise ValueError(
                    f"{self.path} has no column {name!r}. Its first line names these: {header}"
                )
        if "" in header and "" not in self.skip:
            raise ValueError(
                f"{self.path}: column {header.index('') + 1} has no name; it may be an index that is no input. "
                "Name it in line 1, or add '' to dataset.skip."
            )
        # Those without a name are all skipped here.
        if doubled := sorted({name for name in header if name and header.count(name) > 1}):
            raise ValueError(f"{self.path} has two columns {doubled[0]!r}. Rename one of them.")
        if set(header) <= {self.target, *self.skip}:
            raise ValueError(f"{self.path} has no column to predict {self.target!r} from.")
        if not all(map(len, self.parts(size))):
            raise ValueError(
                f"{self.path} has {size} rows, too few for training, validation and test data."
            )

    def _numbers(self, header: list[str], line: int, row: list[str]) -> dict[str, float]:
        """A row by column, without those that are skipped."""
        where = f"{self.path}, line {line}"
        if len(row) != len(header):
            raise ValueError(f"{where}: {len(row)} cells, and the table has {len(header)} columns.")
        numbers = {}
        for name, cell in zip(header, row, strict=True):
            if name in self.skip:
                continue
            try:
                # Python takes 1_000 for a number; a table hardly means it.
                numbers[name] = math.nan if "_" in cell else float(cell)
            except ValueError:
                numbers[name] = math.nan
            # Training has 32 bits for it: a larger one would be infinite.
            if not abs(numbers[name]) <= torch.finfo(torch.float32).max:
                remedy = "" if name == self.target else ", or add the column to dataset.skip"
                raise ValueError(
                    f"{where}, column {name!r}: {cell!r} is not a number, or too large for one. "
                    f"Correct it{remedy}."
                )
        return numbers

    def parts(self, size: int) -> list[Tensor]:
        """Which of so many rows are for training, for validation and for the test."""
        order = torch.randperm(size, generator=torch.Generator().manual_seed(self.split_seed))
        test = round(self.test_fraction * size)
        validation = round(self.validation_fraction * size)
        return list(order.tensor_split([size - test - validation, size - test]))

    def version(self) -> Version:
        """Another one as soon as a byte of the file is another one."""
        return Version(hashlib.sha256(Path(self.path).read_bytes()).hexdigest())


@dataclass
class Config:
    """What a description depends on (`conf/customers.yaml`)."""

    experiment: str
    dataset: Table


def describe(table: Table) -> dict[str, float]:
    """What is in the table: rows, rows of each part, rows that repeat another, and the range of each column."""
    # A customer's number may need more digits than 32 bits hold.
    columns, rows, targets = table.exact()
    train, validation, test = map(len, table.parts(len(rows)))
    found: dict[str, float] = {"rows": len(rows), "columns": len(columns)}
    found |= {"train": train, "validation": validation, "test": test}
    # The same row in two parts is learned by heart in one, and measured in the other.
    whole = torch.column_stack([rows, targets])
    found["repeated"] = len(whole) - len(whole.unique(dim=0))
    numbers = zip([*columns, table.target], [*rows.T, targets], strict=True)
    for name, values in numbers:
        found |= {f"{name}.min": values.min().item(), f"{name}.max": values.max().item()}
        found[f"{name}.mean"] = values.mean().item()
    return found


def run(config: Config) -> str:
    """Log what is in the table, and which data it is, to a run of its own.

    Returns:
        The id of the run.
    """
    # Here, because they import the project's task, which may import this module.
    from .. import provenance, tracking

    # First, so that of what is refused, such as a password in a URI, no run keeps anything.
    found = describe(config.dataset)
    tracking.open_store(config.experiment)
    # `mx flow run` has started a run already; this one joins it.
    with mlflow.start_run() as active:
        mlflow.set_tag(tracking.STAGE, STAGE)
        mlflow.log_dict(asdict(config), "config.json")
        tracking.log_code(provenance.code(provenance.project_root()))
        tracking.log_version(config.dataset.version())
        mlflow.log_dict(found, "description.json")
        mlflow.log_metrics({name: found[name] for name in ("rows", "columns")})
    for name, value in found.items():
        log.info("%s %g", name, value)
    run_id: str = active.info.run_id
    return run_id


def register() -> None:
    """Make the classes known to Hydra, as the bases that `conf/*.yaml` name in their defaults."""
    store = ConfigStore.instance()
    store.store(name="customers_schema", node=Config)


def typed(config: DictConfig) -> Config:
    """The typed form of what Hydra composed."""
    return cast(Config, OmegaConf.to_object(config))


@hydra.main(version_base="1.3", config_path="../conf", config_name="customers")
def main(config: DictConfig) -> None:
    """Run it with what Hydra composed of the configuration and the command line."""
    try:
        run(typed(config))
    except (OSError, ValueError) as problem:
        raise SystemExit(str(problem)) from None


if __name__ == "__main__":
    register()
    main()
