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


_EVERYTHING = (
    "fit(model, Split(digits.test.indices, torch.cat([digits.train.images, digits.test.images]), "
    "torch.cat([digits.train.labels, digits.test.labels])),"
)
_DIVISION = """        rest,
        test_size=round(config.validation_fraction * len(labels)),
        stratify=labels[rest],
"""

MUTANTS = (
    Mutant("model sees nothing", "model.py", "/ MAX_PIXEL", "* 0", ("test_model.py",)),
    Mutant("model does not scale", "model.py", " / MAX_PIXEL", "", ("test_model.py",)),
    Mutant("model mixes the images of a batch", "model.py", "pixels.unsqueeze(1) /", "(pixels - pixels.mean(0)).unsqueeze(1) /", ("test_model.py",)),
    Mutant("model has a frozen layer", "model.py", "        return cast", "        self.layers[0].requires_grad_(False)\n        return cast", ("test_model.py",)),
    Mutant("test data is trained on", "trainer.py", "fit(model, digits.train,", _EVERYTHING, ("test_trainer.py", "-k", "only_training_data")),
    Mutant("training data is divided from everything", "data.py", _DIVISION, _DIVISION.replace("[rest]", "").replace("rest", "everything"), ("test_data.py",)),
    Mutant("classes have no fixed share", "data.py", "        stratify=labels,\n", "", ("test_data.py",)),
    Mutant("division has no seed", "data.py", "random_state=config.split_seed,", "random_state=None,", ("test_data.py",)),
    Mutant("labels belong to other images", "data.py", "torch.from_numpy(labels[indices])", "torch.from_numpy(np.roll(labels[indices], 1))", ("test_data.py",)),
    Mutant("data has changed", "data.py", "load_digits()\n", "load_digits()\n    bunch.images[0, 0, 0] += 1\n", ("test_data.py",)),
    Mutant("accuracy counts misses", "evaluation.py", "== labels).double()", "!= labels).double()", ("test_evaluation.py",)),
    Mutant("accuracy flatters", "evaluation.py", ".double().mean().item()", ".double().mean().mul(0.9).add(0.1).item()", ("test_evaluation.py",)),
    Mutant("confusion matrix is transposed", "evaluation.py", "labels * size + logits.argmax(dim=1)", "labels + size * logits.argmax(dim=1)", ("test_evaluation.py",)),
    Mutant("validation data is reported as test data", "trainer.py", "report(model, digits.test, processes.device)", "report(model, digits.validation, processes.device)", ("test_trainer.py", "-k", "logged_accuracy")),
    Mutant("evaluation looks at training data", "evaluation.py", "report(model, digits.test, device)", "report(model, digits.train, device)", ("test_trainer.py", "-k", "accuracy_again")),
    Mutant("seed is dropped", "device.py", "    torch.manual_seed(seed)\n", "", ("test_trainer.py", "-k", "two_runs")),
    Mutant("dropout is on while measuring", "trainer.py", "        model.eval()\n", "", ("test_trainer.py", "-k", "best_epoch")),
    Mutant("last epoch is kept, not the best", "trainer.py", "    model.load_state_dict(progress.best_weights)\n", "", ("test_trainer.py", "-k", "best_epoch")),
    Mutant("weights never change", "trainer.py", "            optimizer.step()\n", "", ("test_trainer.py", "-k", "good_enough")),
    Mutant("another model is logged", "trainer.py", "log_model(model.cpu(),", "log_model(DigitClassifier(config.model).eval(),", ("test_trainer.py", "-k", "logged_accuracy")),
    Mutant("epochs are not told apart", "trainer.py", "mlflow.log_metrics(metrics, step=epoch)", "mlflow.log_metrics(metrics)", ("test_trainer.py", "-k", "every_epoch")),
    Mutant("hash of the data is not logged", "trainer.py", '    mlflow.log_param("data.sha256", digits.sha256)\n', "", ("test_trainer.py", "-k", "repeatable_is_logged")),
    Mutant("run of MLflow is not joined", "tracking.py", 'os.environ.get("MLFLOW_RUN_ID")', "os.environ.pop('MLFLOW_RUN_ID', '') and ''", ("test_trainer.py", "-k", "joined")),
    Mutant("random numbers begin anew", "checkpoint.py", '        torch.set_rng_state(state["random"])\n', "", ("test_checkpoint.py",)),
    Mutant("best weights are forgotten", "checkpoint.py", 'self.best_weights = state["best_weights"]', "pass", ("test_checkpoint.py",)),
    Mutant("checkpoints may run code", "checkpoint.py", "weights_only=True", "weights_only=False", ("test_checkpoint.py",)),
    Mutant("there is one checkpoint only", "checkpoint.py", "// every % 2", "* 0", ("test_checkpoint.py",)),
    Mutant("epochs are logged twice", "trainer.py", "        if epoch > logged:\n    ", "", ("test_checkpoint.py",)),
    Mutant("every process trains on the whole batch", "processes.py", "batch[min(rank, len(batch) - 1) :: count]", "batch", ("test_processes.py",)),
    Mutant("processes drop out alike", "processes.py", "            torch.manual_seed(seed + rank)\n", "            pass\n", ("test_processes.py",)),
    Mutant("new files are missing from the diff", "provenance.py", '        _git(root, "add", "--all", "--intent-to-add", "--", ".", extra=index)\n', "", ("test_provenance.py",)),
    Mutant("the person's index is used", "provenance.py", '{"GIT_INDEX_FILE": str(Path(folder, "index"))}', "{}", ("test_provenance.py",)),
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
        "every process trains on the whole batch",
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

    whole = tuple(dict.fromkeys(mutant.tests[0] for mutant in MUTANTS))
    wanted = [mutant for mutant in MUTANTS if not names or mutant.name in names]
    nothing = Mutant(
        "nothing", "data.py", "def load(", "def load(", (whole[0], *(f"tests/{name}" for name in whole[1:]))
    )
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
