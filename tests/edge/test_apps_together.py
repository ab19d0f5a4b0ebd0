"""Several apps in one project: each brings the gateway along, has a host of its own, and goes without a trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from sites import make_distribution

from mxdev.deploy import config
from mxdev.project.project import Project
from mxdev.testing import Outcome, mx

PLUGIN = '''
from mxdev import Generator, argument, hookimpl
from mxdev.generator import Pattern
from mxdev_generators.edge.apps import APP_OPTIONS, App, expose

class Board(Generator):
    """An app as its author would write it."""

    requires = ("DeploymentInfrastructure",)
    arguments = (argument("NAME", type=Pattern(r"[a-z]+", "letters"), help="Its name."),)
    instance_argument = "NAME"
    options = APP_OPTIONS

    def generate(self, tree):
        name = self.values.name
        app = App(name=name, host=self.values.host, port=80, audience=self.values.audience)
        expose(tree, app, self.values.of_project, f"infrastructure/kubernetes/{name}")

@hookimpl
def mx_generators():
    return [Board]
'''
HOSTS = "infrastructure/hosts.yaml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `sys.path` with a plugin whose generator exposes an app."""
    folder = tmp_path_factory.mktemp("site")
    make_distribution(folder, "acme-board", modules={"acme_board.py": PLUGIN})
    return folder


@pytest.fixture(scope="module")
def project(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two apps, of which the first brought the gateway along."""
    folder = tmp_path_factory.mktemp("apps")
    run(site, folder, "generate", "MLProjectSkeleton", "ab", "--domain=ml.example.com", "--skip-git", "--no-input")  # fmt: skip
    run(site, folder / "ab", "generate", "Board", "demo", "--audience=clients", "--no-input")
    run(site, folder / "ab", "generate", "Board", "notes", "--host=news", "--no-input")
    return folder / "ab"


def mx_with(site: Path, cwd: Path, *arguments: str) -> Outcome:
    """mx, with the plugin installed."""
    return mx(
        *arguments,
        cwd=cwd,
        env={"PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])},
    )


def run(site: Path, cwd: Path, *arguments: str) -> None:
    done = mx_with(site, cwd, *arguments)
    assert done.code == 0, done.stdout + done.stderr


def hosts(project: Path) -> dict[str, str]:
    """The address of every host."""
    found = yaml.safe_load((project / HOSTS).read_text("utf-8"))["hosts"]
    return {name: one["address"] for name, one in found.items()}


def test_each_has_a_name_of_its_own(site: Path, project: Path) -> None:
    assert hosts(project) == {"demo": "demo.ab.ml.example.com", "news": "news.ab.ml.example.com"}
    assert "DeploymentInfrastructure" in Project.load(project).instances
    done = mx_with(site, project, "lint", "--require-all")
    assert (done.code, done.stdout) == (0, ""), done.stdout + done.stderr


def test_two_apps_with_one_host_are_refused_by_name(site: Path, project: Path) -> None:
    done = mx_with(site, project, "generate", "Board", "other", "--host=news", "--no-input")
    assert done.code != 0
    assert "Board:notes" in done.stderr
    assert "Board:other" in done.stderr
    assert "hosts.news" in done.stderr
    assert "--host" in done.stderr
    assert not (project / "infrastructure/kubernetes/other").exists()


def test_a_certificate_for_one_app_is_refused_where_there_are_two(site: Path, project: Path) -> None:
    done = mx_with(site, project, "set", "DeploymentInfrastructure.certificate=single", "--no-input")
    assert done.code != 0
    assert "Board:demo" in done.stderr
    assert "Board:notes" in done.stderr
    assert "mx set DeploymentInfrastructure.certificate=wildcard" in done.stderr
    assert "certmap" in (project / "infrastructure/kubernetes/edge/load_balancer.yaml").read_text("utf-8")


def test_a_new_member_reaches_every_route(site: Path, project: Path) -> None:
    run(site, project, "set", "clients=@client.example", "DeploymentInfrastructure.iap-audience=/projects/1/global/backendServices/2", "--no-input")  # fmt: skip
    route = (project / "infrastructure/kubernetes/demo/route.yaml").read_text("utf-8")
    assert '"*@client.example"' in route
    assert "/projects/1/global/backendServices/2" in route


def test_istio_is_deployed_in_its_order(project: Path) -> None:
    names = [one.name for one in config.read(Project.load(project))]
    istio = ["istio-base", "istiod", "istio-ingressgateway", "edge"]
    assert [name for name in names if name in istio] == istio


def test_the_gateway_stays_while_an_app_needs_it(site: Path, project: Path) -> None:
    refused = mx_with(site, project, "destroy", "DeploymentInfrastructure", "--no-input")
    assert refused.code == 1
    assert "Board:demo" in refused.stderr
    run(site, project, "destroy", "Board:notes", "--no-input")
    assert hosts(project) == {"demo": "demo.ab.ml.example.com"}
    assert not (project / "infrastructure/kubernetes/notes").exists()
    run(site, project, "destroy", "Board:demo", "--no-input")
    # What stays there are the records of DNS, which are the gateway's own.
    assert set(yaml.safe_load((project / HOSTS).read_text("utf-8"))) == {"records"}


def test_without_a_domain_it_is_said_what_to_do(site: Path, tmp_path: Path) -> None:
    run(site, tmp_path, "generate", "MLProjectSkeleton", "ab", "--skip-git", "--no-input")
    done = mx_with(site, tmp_path / "ab", "generate", "Board", "demo", "--no-input")
    assert done.code == 2
    assert "mx set domain=ml.example.com" in done.stderr
    assert not (tmp_path / "ab/infrastructure/kubernetes/edge").exists()
