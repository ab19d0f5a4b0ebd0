"""Breaks the generated project in one way after the other, and sees whether its own tests notice.

A script for the interpreter that has the machine-learning stack: `python ml_mutants.py PROJECT FOLDER [NAME...]`. It
imports the stack once and forks for every mutant, since importing takes longer than testing. One JSON object a line:
the mutant's name, pytest's exit code, and the tests that failed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """One way to break a project: in `file` of the package, `old` becomes `new`; `tests` should notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


_DIVISION = """        rest,
        test_size=round(task.validation_fraction * len(labels)),
        stratify=labels[rest],
"""
_LOGGED = ("test_trainer.py", "-k", "logged_metrics")

MUTANTS = (
    Mutant("model sees nothing", "task.py", "/ MAX_PIXEL", "* 0", ("test_digits.py", "-k", "raw_pixels")),
    Mutant("model does not scale", "task.py", " / MAX_PIXEL", "", ("test_digits.py", "-k", "raw_pixels")),
    Mutant("model mixes the images of a batch", "task.py", "pixels.unsqueeze(1) /", "(pixels - pixels.mean(0)).unsqueeze(1) /", ("test_task.py",)),
    Mutant("model has a frozen layer", "task.py", "        return cast", "        self.layers[0].requires_grad_(False)\n        return cast", ("test_task.py",)),
    Mutant("metrics are no means of counts", "task.py", "confusion.sum().item()", "len(CLASSES)", ("test_task.py",)),
    Mutant("training data is divided from everything", "task.py", _DIVISION, _DIVISION.replace("[rest]", "").replace("rest", "everything"), ("test_digits.py", "-k", "part")),
    Mutant("classes have no fixed share", "task.py", "        stratify=labels,\n", "", ("test_digits.py", "-k", "part")),
    Mutant("division has no seed", "task.py", "random_state=task.split_seed,", "random_state=None,", ("test_digits.py", "-k", "part or seed")),
    Mutant("labels belong to other images", "task.py", "torch.from_numpy(labels[part])", "torch.from_numpy(np.roll(labels[part], 1))", ("test_digits.py", "-k", "belong")),
    Mutant("data has changed", "task.py", "load_digits()\n", "load_digits()\n    bunch.images[0, 0, 0] += 1\n", ("test_digits.py", "-k", "changed")),
    Mutant("accuracy flatters", "task.py", "confusion.diagonal().sum().item()", "(confusion.diagonal().sum().item() + 1)", ("test_digits.py", "-k", "scikit")),
    Mutant("confusion matrix is transposed", "task.py", "labels * size + logits.argmax(dim=1)", "labels + size * logits.argmax(dim=1)", ("test_digits.py", "-k", "scikit")),
    Mutant("test data is trained on", "fit.py", "datasets.train, datasets.collate", "datasets.test, datasets.collate", ("test_trainer.py", "-k", "only_training_data")),
    Mutant("validation data is reported as test data", "trainer.py", "Loader(datasets.test,", "Loader(datasets.validation,", _LOGGED),
    Mutant("evaluation looks at training data", "evaluation.py", "Loader(datasets.test,", "Loader(datasets.train,", ("test_evaluation.py", "-k", "found_again")),
    Mutant("the loss is a mean of means", "evaluation.py", "losses += loss.to(losses) * part.size", "losses += loss.to(losses) * 16", ("test_evaluation.py", "-k", "whole")),
    Mutant("seed is dropped", "device.py", "    torch.manual_seed(seed)\n", "", ("test_trainer.py", "-k", "two_runs")),
    Mutant("the CPU is taken for a GPU", "device.py", "        return _named(name)\n    found", "        pass\n    found", ("test_device.py",)),
    Mutant("what is not deterministic is always an error", "device.py", 'warn_only=deterministic == "warn"', "warn_only=False", ("test_device.py",)),
    Mutant("dropout is on while measuring", "fit.py", "        self.model.eval()\n        report", "        report", ("test_trainer.py", "-k", "best_epoch")),
    Mutant("last epoch is kept, not the best", "fit.py", "            self.model.load_state_dict(best)\n", "            pass\n", ("test_trainer.py", "-k", "best_epoch")),
    Mutant("weights that are no numbers are kept", "fit.py", "        _refuse_weights(self.model, self.progress)\n", "", ("test_checkpoint.py", "-k", "gradient")),
    Mutant("an epoch without a number is the best", "fit.py", '        _refuse("validation", self.progress.epoch + 1, report.metrics["loss"])\n', "", ("test_trainer.py", "-k", "no_number")),
    Mutant("a network that cannot take one example is seen too late", "fit.py", "        self._try_smallest_part()\n", "", ("test_trainer.py", "-k", "single")),
    Mutant("weights are written over those before", "checkpoint.py", "torch.save(content, part)", "torch.save(content, path)", ("test_checkpoint.py", "-k", "cannot_be_written")),
    Mutant("a full disk ends the training", "checkpoint.py", "except (MlflowException, OSError) as problem:\n            done", "except MlflowException as problem:\n            done", ("test_checkpoint.py", "-k", "full_disk")),
    Mutant("an image has the pixels that fit", "data/images.py", "and mode not in _WIDE", "and False", ("test_data.py", "-k", "16_bits")),
    Mutant("an empty cell is a number", "data/parquet.py", "if not self._empty:", "if False:", ("test_data.py", "-k", "empty_cell")),
    Mutant("a class has two numbers", "data/images.py", "if classes is None and within:", "if False:", ("test_data.py", "-k", "one_number")),
    Mutant("training never ends early", "fit.py", "waited >= self._config.patience", "False", ("test_trainer.py", "-k", "gets_no_better")),
    Mutant("small parts count as much as large ones", "fit.py", "loss * (part.size / examples)", "loss / len(step)", ("test_trainer.py", "-k", "rounding")),
    Mutant("weights never change", "optimization.py", "        self._scaler.step(self.optimizer)\n", "", ("test_trainer.py", "-k", "it_learns")),
    Mutant("gradients are clipped as they are scaled", "optimization.py", "            self._scaler.unscale_(self.optimizer)\n", "", ("test_optimization.py",)),
    Mutant("the warm-up is left out", "optimization.py", "    if step < warmup:", "    if step < 0:", ("test_optimization.py",)),
    Mutant("another model is logged", "trainer.py", "log_model(model.cpu(),", "log_model(config.task.model().eval(),", _LOGGED),
    Mutant("epochs are not told apart", "trainer.py", "mlflow.log_metrics(metrics, step=epoch)", "mlflow.log_metrics(metrics)", ("test_trainer.py", "-k", "every_epoch")),
    Mutant("the device is not named first", "trainer.py", "    settle(config, processes)\n    datasets = config.task.datasets()\n", "    datasets = config.task.datasets()\n    log.info('here')\n    settle(config, processes)\n", ("test_trainer.py", "-k", "named_first")),
    Mutant("hash of the data is not logged", "tracking.py", "    mlflow.log_param(DATA, version.sha256)\n", "", ("test_trainer.py", "-k", "repeatable_is_logged")),
    Mutant("a model is registered twice", "tracking.py", "version = made[0] if made else", "version =", ("test_trainer.py", "-k", "registered")),
    Mutant("run of MLflow is not joined", "tracking.py", 'os.environ.get("MLFLOW_RUN_ID")', "os.environ.pop('MLFLOW_RUN_ID', '') and ''", ("test_trainer.py", "-k", "joined")),
    Mutant("random numbers begin anew", "fit.py", "            torch.manual_seed(number_of(self._seed, epoch, self.progress.step, rank))\n", "", ("test_checkpoint.py",)),
    Mutant("an interrupted epoch begins anew", "fit.py", "number_of(self._seed, epoch), self.progress.step)", "number_of(self._seed, epoch), 0)", ("test_checkpoint.py",)),
    Mutant("the loss of an interrupted epoch is lost", "fit.py", "        self._take_losses()\n\n    def run", "\n    def run", ("test_checkpoint.py",)),
    Mutant("best weights are forgotten", "fit.py", 'checkpoint.save(state["best"], self._best)', "pass", ("test_checkpoint.py",)),
    Mutant("SIGTERM ends training without a checkpoint", "stopping.py", "if self.asked or not self._held:", "if True:", ("test_checkpoint.py",)),
    Mutant("time makes no checkpoint", "checkpoint.py", ">= 60 * self._minutes", "< 0", ("test_checkpoint.py",)),
    Mutant("checkpoints may run code", "checkpoint.py", "weights_only=True", "weights_only=False", ("test_checkpoint.py",)),
    Mutant("there is one checkpoint only", "checkpoint.py", "if name != newest", "if name == NAMES[0]", ("test_checkpoint.py",)),
    Mutant("a damaged checkpoint is taken", "checkpoint.py", 'if _sha256(path) == entry["sha256"]:', "if True:", ("test_checkpoint.py",)),
    Mutant("a store that is away is a new beginning", "checkpoint.py", "            raise RuntimeError(\n", "            return None\n            raise RuntimeError(\n", ("test_checkpoint.py", "-k", "cannot_be_read")),
    Mutant("epochs are logged twice", "trainer.py", "        if epoch > logged:\n    ", "", ("test_checkpoint.py",)),
    Mutant("every process trains on the whole batch", "data/plan.py", "batch[min(share.rank, len(batch) - 1) :: share.count]", "batch", ("test_loader.py",)),
    Mutant("every process reads the whole stream", "data/plan.py", "    begin = sum(lengths[: share.rank])\n", "    begin = 0\n", ("test_loader.py",)),
    Mutant("every process measures everything", "data/plan.py", "for rank in (share.rank, share.rank + 1))", "for rank in (0, share.count))", ("test_loader.py",)),
    Mutant("shards are not mixed", "data/loader.py", "        if not work.shuffled:\n", "        if True:\n", ("test_loader.py",)),
    Mutant("a file is read for its version each time", "data/folder.py", "        if known:\n", "        if False:\n", ("test_data.py",)),
    Mutant("a changed file has its old hash", "data/folder.py", "return f\"{state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}\"", "return ''", ("test_data.py",)),
    Mutant("checksums of the store are not used", "data/folder.py", "checksum = file.checksum or self._hashed", "checksum = self._hashed", ("test_data.py",)),
    Mutant("rows of the whole row group are given", "data/parquet.py", "table.slice(low, high - low)", "table", ("test_data.py",)),
    Mutant("arrays are read from the wrong place", "data/zarr_arrays.py", "begin = shard * self._step", "begin = shard", ("test_data.py",)),
    Mutant("parts of the data overlap", "data/datasets.py", "begin = int(np.searchsorted(ends, before + fraction * ends[-1])) + 1", "begin = 1", ("test_data.py",)),
    Mutant("what was read is read again", "data/plan.py", "range(first - first % window, count, window)", "range(0, count, window)", ("test_loader.py",)),
    Mutant("new files are missing from the diff", "provenance.py", "    if new_taken:\n", "    if False:\n", ("test_provenance.py",)),
    Mutant("the person's index is used", "provenance.py", '        "GIT_INDEX_FILE": str(folder / "index"),\n', "", ("test_provenance.py",)),
    Mutant("the index is made from scratch", "provenance.py", '        shutil.copy2(index, folder / "index")\n', '        _git(root, "read-tree", "HEAD", environment=own)\n', ("test_provenance.py", "-k", "only_what_changed")),
    Mutant("Git failing is no changes", "provenance.py", "        return Code(commit, problem=str(problem))", "        return Code(commit)", ("test_provenance.py",)),
    Mutant("a repository that Git refuses is none", "provenance.py", '"not a git repository (or any" in str(problem)', "True", ("test_provenance.py",)),
    Mutant("secrets are recorded", "provenance.py", "if not _SECRET.search(part):", "if True:", ("test_provenance.py", "-k", "secret")),
    Mutant("secrets in wide letters are recorded", "provenance.py", "elif _has_wide_secret(_now(top / os.fsdecode(name))):", "elif False:", ("test_provenance.py", "-k", "wide")),
    Mutant("files named like secrets are recorded", "provenance.py", "if _SECRET_NAME.search(os.fsdecode(name)):", "if False:", ("test_provenance.py", "-k", "secret")),
    Mutant("there is no limit", "provenance.py", "size > MOST_OF_A_FILE or total + size > MOST", "False", ("test_provenance.py",)),
    Mutant("data is recorded", "provenance.py", "elif not _CODE.search(os.fsdecode(name)):", "elif False:", ("test_provenance.py",)),
    Mutant("settings of somebody change the diff", "provenance.py", 'root, "diff-index", *_DIFF, base', 'root, "diff", "--binary", base', ("test_provenance.py", "-k", "somebody or nobodys")),
    Mutant("the environment leads elsewhere", "provenance.py", 'if not name.startswith("GIT_")', "if True", ("test_provenance.py",)),
)  # fmt: skip

# One of each kind that the project's tests promise to notice; the rest is for `make test-all`.
QUICK = frozenset(
    {
        "model sees nothing",
        "test data is trained on",
        "training data is divided from everything",
        "accuracy flatters",
        "seed is dropped",
        "random numbers begin anew",
        "an interrupted epoch begins anew",
        "every process reads the whole stream",
    }
)


def mutate(project: Path, folder: Path, mutant: Mutant) -> None:
    """Copy the project to `folder` and break the copy."""
    for name in ("src", "tests"):
        shutil.copytree(project / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("MLproject", "pyproject.toml"):
        shutil.copyfile(project / name, folder / name)
    (file,) = (folder / "src").glob(f"*/{mutant.file}")
    source = file.read_text(encoding="utf-8")
    if mutant.old not in source:
        raise SystemExit(f"{mutant.name}: there is no {mutant.old!r} in {mutant.file}")
    file.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")


def test(folder: Path, tests: tuple[str, ...]) -> tuple[int, list[str]]:
    """Pytest's exit code for the project in `folder`, and the tests that failed. In this process."""
    import pytest

    class Failures:
        names: list[str] = []

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and report.nodeid not in self.names:
                self.names.append(report.nodeid)

    os.chdir(folder)
    sys.path.insert(0, str(folder / "src"))
    os.environ["PYTHONPATH"] = str(folder / "src")
    code = pytest.main(
        ["-q", "-p", "no:cacheprovider", f"tests/{tests[0]}", *tests[1:]], plugins=[Failures()]
    )
    return int(code), Failures.names


def main(project: Path, folder: Path, names: list[str]) -> None:
    """Test the project as it is (the mutant called `nothing`), then every mutant."""
    import mlflow.pytorch  # noqa: F401
    import sklearn.datasets  # noqa: F401
    import torch  # noqa: F401

    wanted = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    nothing = Mutant("nothing", "task.py", "def load(", "def load(", ("",))
    for number, mutant in enumerate([nothing, *wanted]):
        place = folder / str(number)
        mutate(project, place, mutant)
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            output = os.open(place / "output.txt", os.O_WRONLY | os.O_CREAT)
            result = os.dup(1)
            os.dup2(output, 1)
            os.dup2(output, 2)
            code, failed = test(place, mutant.tests)
            line = json.dumps({"name": mutant.name, "code": code, "failed": failed}) + "\n"
            os.write(result, line.encode())
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            raise SystemExit(f"{mutant.name}: the tests died; see {place / 'output.txt'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
