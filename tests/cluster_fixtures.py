"""Fixtures of the tests that need Kubernetes: `control_plane` and `node_runner`. See CONTRIBUTING.md."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import pytest
from control_plane.control_plane import ControlPlane, running, shared_folder
from control_plane.node import Node, Place

_running: list[ControlPlane] = []


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A real Kubernetes control plane, one for all workers of this run of the tests."""
    with running(shared_folder(tmp_path_factory)) as plane, pytest.MonkeyPatch.context() as patch:
        # What kubectl remembers of it, whoever starts that, is no business of the user's home.
        patch.setenv("KUBECACHEDIR", str(plane.folder / "discovery"))
        _running.append(plane)
        yield plane
        _running.remove(plane)


@pytest.fixture(autouse=True)
def _namespaces() -> Iterator[None]:
    """Remove the namespaces that a test made, but not those of fixtures that outlive it."""
    before = [name for plane in _running for name in plane.made]
    yield
    for plane in _running:
        plane.remove_namespaces([name for name in plane.made if name not in before])


NodeRunner = Callable[..., Node]


@pytest.fixture
def node_runner(control_plane: ControlPlane) -> Iterator[NodeRunner]:
    """Make nodes that really run what their pods say: `with node_runner(images={"registry/run:abc": Place(...)}) as node`."""
    with contextlib.ExitStack() as nodes:

        def make(
            images: Mapping[str, Place],
            gpus: int = 0,
            labels: Mapping[str, str] | None = None,
            namespace: str | None = None,
        ) -> Node:
            node = Node(control_plane, images, gpus, labels, namespace)
            nodes.callback(node.stop)
            return node

        yield make
