"""What a person owes, and names that lead nowhere."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mxdev.doctor import edge
from mxdev.project.project import Project
from mxdev.testing import mx, render_all, write


def project(folder: Path, **options: object) -> Project:
    """Rendered files, as a project reads them."""
    write(render_all("DeploymentInfrastructure", name="ab", domain="ml.example.com", **options), folder)
    return Project(folder)


def test_what_only_a_person_can_do_is_owed_until_it_is_said_to_be_done(tmp_path: Path) -> None:
    assert [one.name for one in edge.owed(project(tmp_path / "1"))] == ["iap-audience"]
    custom = project(tmp_path / "2", oauth_client="custom")
    assert [one.name for one in edge.owed(custom)] == ["iap-audience", "oauth-client"]
    done = {
        "oauth_client": "custom",
        "iap_client_id": "1-a.apps.googleusercontent.com",
        "iap_audience": "/projects/1/global/backendServices/2",
    }
    assert edge.owed(project(tmp_path / "3", **done)) == []


def test_the_doctor_shows_it_and_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    [finding] = edge.by_hand(project(tmp_path))
    assert (finding.name, finding.state) == ("owed-iap-audience", "unknown")
    assert "mx set DeploymentInfrastructure.iap-audience=AUDIENCE" in finding.remedy


def test_a_name_that_leads_nowhere_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = project(tmp_path)
    assert list(edge.names(found)) == []
    (tmp_path / edge.HOSTS).write_text("hosts:\n  demo:\n    address: demo.ab.ml.example.com\n")
    known: set[str] = set()

    def look_up(host: str, port: int) -> list[object]:
        """Stands for the machine's resolver, which needs a network."""
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    [finding] = edge.names(found)
    assert (finding.state, finding.text) == (
        "problem",
        "demo.ab.ml.example.com leads nowhere: Name or service not known",
    )
    known.add("demo.ab.ml.example.com")
    assert [one.state for one in edge.names(found)] == ["ok"]


def test_the_command_shows_what_is_owed(tmp_path: Path) -> None:
    assert mx("generate", "MLProjectSkeleton", "ab", "--domain=ml.example.com", "--skip-git", "--no-input", cwd=tmp_path).code == 0  # fmt: skip
    assert mx("generate", "DeploymentInfrastructure", "--no-input", cwd=tmp_path / "ab").code == 0
    done = mx("doctor", cwd=tmp_path / "ab")
    assert "owed by a person: what Google signs for" in done.stdout
