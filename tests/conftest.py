"""What all tests share: an isolated cache, Hypothesis profiles, a sample plugin, and `mx` in this process."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sites import SAMPLES, make_distribution

# A shell that runs the tests in the background makes them ignore ^C, and what they start inherits that.
for _number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

# Most users have neither: bytecode is written beside what is imported, and stdout is written when it is flushed.
for _name in ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"):
    os.environ.pop(_name, None)
sys.dont_write_bytecode = False

pytest_plugins = ["strict_skips", "changing", "cluster_fixtures", "noted", "longest_first"]

# Examples are derived from each test, so that a run on a change of its own never fails on another's luck; the wide
# profile (HYPOTHESIS_PROFILE=wide) looks further with new examples each time.
_HEALTH = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]
settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=_HEALTH
)
settings.register_profile("wide", deadline=None, max_examples=2000, suppress_health_check=_HEALTH)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(autouse=True, scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """mx's cache of this session; no test touches the user's."""
    folder = tmp_path_factory.mktemp("mx-cache")
    kept = {name: value for name, value in os.environ.items() if name.startswith(("MX_", "_MX"))}
    for name in kept:
        if name.startswith(("MX_OPT_", "_MX")):
            del os.environ[name]
    os.environ["MX_CACHE_DIR"] = str(folder)
    os.environ["MX_CONFIG_DIR"] = str(folder / "no-settings")
    os.environ["MX_OPT_MX_SOURCE"] = "index"  # mx is installed from a folder here, which no pipeline has
    os.environ["MX_STATE_DIR"] = str(tmp_path_factory.mktemp("mx-state"))
    yield folder
    for name in ("MX_CACHE_DIR", "MX_CONFIG_DIR", "MX_STATE_DIR"):
        os.environ.pop(name, None)
    os.environ.update(kept)


@pytest.fixture(autouse=True, scope="session")
def _no_wait_for_the_disk() -> Iterator[None]:
    """A sync in this process returns at once, as no test outlives a loss of power; a bad descriptor is an error still.

    That mx syncs what it should is seen in its calls (`tests/disk/`). Waiting took a third of the time of small tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: os.fstat(descriptor) and None)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with schemas and helpers that are too large for this repository."""
    folder = Path(os.environ.get("MX_TEST_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing: set MX_TEST_SHARED to the folder of schemas")
    return folder


@pytest.fixture(scope="session")
def sample_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `sys.path` in which the sample plugin is installed."""
    site = tmp_path_factory.mktemp("site")
    make_distribution(site, "acme-samples", module="acme_samples", version="1.2.0")
    (site / "acme_samples").symlink_to(SAMPLES / "acme_samples")
    return site


@pytest.fixture
def samples(sample_site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The sample plugin, installed for this process and those it starts."""
    yield from installed(sample_site, monkeypatch)


def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Put `site` on the path of this process and those it starts, and forget it afterwards."""
    from mxdev.plugins import index, model

    monkeypatch.syspath_prepend(site)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    )
    index.forget()
    model._warned.clear()
    yield site
    index.forget()
    model._warned.clear()


@dataclass(frozen=True)
class Result:
    """What a run of mx in this process gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Everything on stdout as one JSON value; an error if there is anything else."""
        return json.loads(self.out)

    @property
    def rows(self) -> dict[str, str]:
        """Status by path, from `--json`."""
        return {change["path"]: change["status"] for change in self.json["changes"]}


Mx = Callable[..., Result]


@pytest.fixture
def mx(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], samples: Path
) -> Mx:
    """Run `mx ARGUMENTS` in this process, without a terminal, by default in `tmp_path`; the sample plugin is there."""
    from mxdev import cli

    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def run(*arguments: str | os.PathLike[str], cwd: Path = tmp_path) -> Result:
        monkeypatch.chdir(cwd)
        capfd.readouterr()
        code = cli.run([os.fspath(argument) for argument in arguments])
        seen = capfd.readouterr()
        return Result(code, seen.out, seen.err)

    return run


@pytest.fixture
def project(mx: Mx, tmp_path: Path) -> Path:
    """A project of the sample generator."""
    result = mx("generate", "SampleBase", "demo", "--no-input")
    assert result.code == 0, result.err
    return tmp_path / "demo"


State = dict[str, tuple[Any, ...]]


@pytest.fixture
def look() -> Callable[[Path], State]:
    """Everything below a folder, with permission bits and times of files."""

    def see(root: Path) -> State:
        found: State = {}
        for path in sorted(root.rglob("*")):
            status = path.lstat()
            data = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[str(path.relative_to(root))] = (status.st_mode, data, status.st_mtime_ns)
        return found

    return see
