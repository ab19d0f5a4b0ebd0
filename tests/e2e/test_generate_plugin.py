"""A small third-party plugin, installed into a fresh environment as its users install it, generates there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
UV = [sys.executable, "-m", "uv"] if find_spec("uv") else [found] if (found := shutil.which("uv")) else []
SAMPLES = REPOSITORY / "tests" / "samples"


def wheel(folder: Path) -> Path:
    """The sample plugin as a wheel (https://packaging.python.org/en/latest/specifications/binary-distribution-format/)."""
    path = folder / "acme_samples-1.2.0-py3-none-any.whl"
    info = "acme_samples-1.2.0.dist-info"
    source = SAMPLES / "acme_samples"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                entry = zipfile.ZipInfo(str(file.relative_to(SAMPLES)))
                entry.external_attr = file.stat().st_mode << 16
                archive.writestr(entry, file.read_bytes())
        # A template that pip compiles.
        archive.writestr("acme_samples/templates_base/src/code.py", "x = 1\n")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: acme-samples\nVersion: 1.2.0\nRequires-Dist: mx-devtool\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", "[mxdev.v1]\nacme = acme_samples\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A virtual environment with mx from this checkout, whose dependencies are those of the tests' own."""
    folder = tmp_path_factory.mktemp("fresh")
    bare = ["--without-pip"] if UV else []  # pip takes seconds
    subprocess.run([sys.executable, "-m", "venv", *bare, folder / "env"], check=True)
    site = Path(
        subprocess.run(
            [folder / "env/bin/python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True, text=True, check=True,
        ).stdout.strip()
    )  # fmt: skip
    # mx itself as an editable installation has it: metadata beside paths to the sources.
    info = site / "mx_devtool-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mx-devtool\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(
        "[mxdev.v1]\nbuiltin = mxdev_generators\n\n[console_scripts]\nmx = mxdev.cli:main\n"
    )
    paths = [REPOSITORY, REPOSITORY / "generators", sysconfig.get_path("purelib")]
    (site / "mx.pth").write_text("".join(f"{path}\n" for path in paths))
    script = folder / "env/bin/mx"
    script.write_text(
        f"#!{folder}/env/bin/python\nimport sys\nfrom mxdev.cli import main\nsys.exit(main())\n"
    )
    script.chmod(0o755)
    yield folder / "env"
    shutil.rmtree(folder)


def call(environment: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """mx of that environment."""
    variables = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    return subprocess.run(
        [environment / "bin/mx", *arguments],
        cwd=cwd,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def install(environment: Path, file: Path) -> None:
    """Install a wheel, with its bytecode, as pip does."""
    python = environment / "bin/python"
    command: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", file]
    if UV:
        command = [
            *UV,
            "pip",
            "install",
            "--quiet",
            "--offline",
            "--python",
            python,
            "--no-deps",
            "--compile-bytecode",
            file,
        ]
    subprocess.run(command, check=True)


def uninstall(environment: Path, name: str) -> None:
    """Uninstall a distribution."""
    python = environment / "bin/python"
    command: list[str | Path] = [python, "-m", "pip", "uninstall", "--quiet", "--yes", name]
    if UV:
        command = [*UV, "pip", "uninstall", "--quiet", "--python", python, name]
    subprocess.run(command, check=True)


def test_a_plugin_comes_generates_and_goes(environment: Path, tmp_path: Path) -> None:
    before = call(environment, "generate", cwd=tmp_path)
    assert (before.returncode, before.stderr) == (0, "")
    assert "MLProjectSkeleton" in before.stdout
    assert "SampleBase" not in before.stdout

    install(environment, wheel(tmp_path))
    assert "SampleBase" in call(environment, "generate", cwd=tmp_path).stdout
    rows = {
        row["name"]: row for row in json.loads(call(environment, "plugins", "--json", cwd=tmp_path).stdout)
    }
    assert rows["acme-samples"]["version"] == "1.2.0"
    assert rows["acme-samples"]["error"] is None

    done = call(
        environment, "generate", "sample-base", "demo", "--description", "$(id)", "--no-input", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    root = tmp_path / "demo"
    assert os.access(root / "run.sh", os.X_OK)
    assert not list(root.rglob("__pycache__"))
    assert (root / "src" / "code.py").exists()
    done = call(environment, "generate", "SampleApp", "one", cwd=root)
    assert done.returncode == 0, done.stderr
    again = call(environment, "generate", "SampleBase", "--json", cwd=root)
    assert json.loads(again.stdout)["outcome"] == "nothing"

    uninstall(environment, "acme-samples")
    after = call(environment, "generate", cwd=tmp_path)
    assert after.stdout == before.stdout
    # The project still says whose it is.
    done = call(environment, "generate", cwd=root)
    assert (done.returncode, done.stderr) == (0, "")
    done = call(environment, "update", cwd=root)
    assert "acme-samples" in done.stderr
    assert "Traceback" not in done.stderr
