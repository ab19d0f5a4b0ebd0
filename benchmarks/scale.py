"""Prints how the cost of `mx status` and `mx update` grows with the size of the repository and the number of instances.

Run it by `make bench`. All times are the best of several runs of a new process, in milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLUGIN = '''
from mxdev import Generator, Tree, argument, hookimpl, option
from mxdev.generator import Pattern

NAME = Pattern(r"[a-z][a-z0-9-]*", "a name")


class ScaleBase(Generator):
    """Start a project."""

    scope = "new"
    arguments = (argument("NAME", type=NAME, help="Name.", shared=True),)

    def generate(self, tree: Tree) -> None:
        tree.file("base.txt", "base\\n")
        tree.section("shared.yaml", "version", 1)


class ScaleApp(Generator):
    """One of many."""

    requires = ("ScaleBase",)
    arguments = (argument("NAME", type=NAME, help="Name."),)
    options = (option("--port", type=int, default=80, help="Port."),)
    instance_argument = "NAME"

    def generate(self, tree: Tree) -> None:
        name = self.values.name if isinstance(self.values.name, str) else self.instance
        for number in range(5):
            tree.file(f"apps/{self.instance.partition(':')[2]}/f{number}.txt", f"{name} {self.values.port}\\n" * 60)
        tree.section("shared.yaml", f"apps.{self.instance.partition(':')[2]}", {"port": self.values.port})


@hookimpl
def mx_generators():
    return [ScaleBase, ScaleApp]
'''


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        (site / "acme_scale-1.0.dist-info").mkdir(parents=True)
        (site / "acme_scale.py").write_text(PLUGIN)
        (site / "acme_scale-1.0.dist-info/METADATA").write_text(
            "Metadata-Version: 2.1\nName: acme-scale\nVersion: 1.0\n"
        )
        (site / "acme_scale-1.0.dist-info/entry_points.txt").write_text("[mxdev.v1]\nscale = acme_scale\n")
        os.environ |= {"PYTHONPATH": str(site), "MX_CACHE_DIR": f"{folder}/cache"}
        small, large, many = (make(Path(folder), name) for name in ("small", "large", "many"))
        fill(large, 10_000)
        in_one_process([["generate", "ScaleApp", f"app{number}"] for number in range(299)], many)
        time.sleep(1.5)  # what is younger than a second is not remembered
        print(f"{'':28}{'small':>10}{'10,000 files':>14}{'300 instances':>15}   ms")
        for command in (
            ["--version"],
            ["status"],
            ["update"],
            ["update", "--dry-run"],
            ["set", "ScaleApp:one.port=81"],
        ):
            ms = [best(command, root) for root in (small, large, many)]
            print(
                f"mx {' '.join(command):25}{ms[0]:10.0f}{ms[1]:14.0f}{ms[2]:15.0f}   {ms[1] / ms[0]:.2f} x, {ms[2] / ms[0]:.2f} x"
            )


def make(folder: Path, name: str) -> Path:
    """A project in a Git repository, with one app."""
    mx("generate", "ScaleBase", name, cwd=folder)
    root = folder / name
    mx("generate", "ScaleApp", "one", cwd=root)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    return root


def fill(root: Path, files: int) -> None:
    for number in range(files):
        path = root / "src" / f"d{number % 100}" / f"f{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"x = {number}\n" * 20)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "x"], cwd=root, check=True)


def mx(*arguments: str, cwd: Path) -> None:
    subprocess.run([sys.executable, "-m", "mxdev", *arguments], cwd=cwd, check=True, capture_output=True)


def in_one_process(commands: list[list[str]], cwd: Path) -> None:
    code = f"from mxdev import cli\nfor one in {commands!r}:\n    assert cli.run(one) == 0"
    subprocess.run([sys.executable, "-c", code], cwd=cwd, check=True, capture_output=True)


def best(command: list[str], root: Path, runs: int = 7) -> float:
    took = []
    for _ in range(runs):
        start = time.perf_counter()
        mx(*command, cwd=root)
        took.append(time.perf_counter() - start)
    return min(took) * 1000


if __name__ == "__main__":
    main()
