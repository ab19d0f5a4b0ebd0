"""The programs of the control plane are built where Go is, and it is said where it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from control_plane import build
from mxdev_generators.images.table import table


@pytest.fixture
def without_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine without Go."""
    monkeypatch.setenv("PATH", str(tmp_path))
    build._made.cache_clear()
    yield
    build._made.cache_clear()


@pytest.mark.usefixtures("without_go")
def test_without_go_tests_are_skipped_and_continuous_integration_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(pytest.skip.Exception, match="Go is not installed"):
        build.tool("etcd")
    monkeypatch.delenv("MX_TEST_STRICT", raising=False)
    assert build.main([]) == 0
    assert "Go is not installed" in capsys.readouterr().out
    monkeypatch.setenv("MX_TEST_STRICT", "1")
    assert build.main([]) == 1


@pytest.mark.skipif(build.go() is None, reason="Go is not installed")
def test_what_go_says_is_shown() -> None:
    compiler = build.go()
    assert compiler
    with pytest.raises(
        RuntimeError, match=r"go build example.com/none. in .*etcd failed:\ncannot find module"
    ):
        build._go(compiler, "etcd", "build", "example.com/none")


def test_kubernetes_says_the_version_that_is_built() -> None:
    required = (build.GO_MODULES / "kubernetes" / "go.mod").read_text("utf-8")
    [version] = re.findall(r"k8s\.io/kubernetes (v\S+)", required)
    assert f"gitVersion={version}" in build._KUBERNETES.replace(f"{build._VERSION}Version", "gitVersion")


def test_buildkit_is_the_one_of_the_rendered_pipelines() -> None:
    required = (build.GO_MODULES / "buildkit" / "go.mod").read_text("utf-8")
    [version] = re.findall(r"github\.com/moby/buildkit (v\S+)", required)
    assert table()["buildkit"].tag == f"{version}-rootless"


@pytest.mark.skipif(build.go() is None, reason="Go is not installed")
def test_without_a_c_compiler_only_what_is_written_in_c_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CC", "there-is-no-such-compiler")
    with pytest.raises(pytest.skip.Exception, match="no C compiler: runc is built with it"):
        build.tool("runc")
    assert build.main(["runc"]) == 0
    assert "runc: not built, for want of a C compiler" in capsys.readouterr().out
    assert not build.no_c("buildkitd")


def test_every_module_is_built() -> None:
    assert {path.parent.name for path in build.GO_MODULES.glob("*/go.mod")} == set(build.MODULES)
