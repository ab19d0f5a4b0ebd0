"""What a person owes, and names that lead nowhere."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mxdev.doctor import edge
from mxdev.project.project import Project
from mxdev.system import dns
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

    def look_up(host: str, port: int, **_: object) -> list[object]:
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
    assert "left for a person: what Google signs for" in done.stdout


class NameServer:
    """A name server of the machine: it has what stands in `zone`, and answers with real packets."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, int], list[str]] = {}
        self.line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.line.bind(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                packet, whom = self.line.recvfrom(512)
            except OSError:
                return
            labels, at = [], 12
            while length := packet[at]:
                labels.append(packet[at + 1 : at + 1 + length].decode())
                at += 1 + length
            kind = struct.unpack(">H", packet[at + 1 : at + 3])[0]
            name = ".".join(labels)
            answers = b""
            for value in self.zone.get((name, kind), []):
                # Its end is said by a pointer to the question's, as real servers do.
                own = value.removesuffix(f".{name}")
                data = b"".join(bytes([len(one)]) + one.encode() for one in own.split("."))
                data += struct.pack(">H", 0xC000 | 12) if own != value else b"\0"
                answers += struct.pack(">3HIH", 0xC000 | 12, kind, 1, 60, len(data)) + data
            known = any(name == there for there, _ in self.zone)
            head = packet[:2] + struct.pack(
                ">5H", 0x8180 | (0 if known else 3), 1, len(self.zone.get((name, kind), [])), 0, 0
            )
            self.line.sendto(head + packet[12 : at + 5] + answers, whom)


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[NameServer]:
    found = NameServer()
    monkeypatch.setattr(dns, "servers", lambda: [("127.0.0.1", found.line.getsockname()[1])])
    yield found
    found.line.close()


def test_the_delegation_and_the_challenge_are_looked_for(tmp_path: Path, name_server: NameServer) -> None:
    found, domain = project(tmp_path), "ab.ml.example.com"
    [finding] = edge.records(found)
    assert (finding.name, finding.state) == ("dns-a-delegation", "problem")
    assert "nobody asks the project's zone" in finding.text
    assert "`mx infra output edge_dns`" in finding.remedy
    name_server.zone[domain, dns.NS] = ["ns-1.googledomains.com", f"ns.{domain}"]
    first, second = edge.records(found)
    assert (first.state, first.text) == ("ok", f"ns-1.googledomains.com, ns.{domain}")
    assert (second.name, second.state) == ("dns-challenge", "problem")
    assert "DNS has none: Google gives no certificate" in second.text
    name_server.zone[f"_acme-challenge.{domain}", dns.CNAME] = ["other.example.com"]
    assert "it is other.example.com, and not below .authorize" in list(edge.records(found))[1].text
    name_server.zone[f"_acme-challenge.{domain}", dns.CNAME] = ["1234.7.authorize.certificatemanager.goog"]
    assert [one.state for one in edge.records(found)] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"dns_zone": "elsewhere"}, ["dns-challenge"]),
        ({"dns_zone": "owned", "managed_zone": "example-com"}, ["dns-challenge"]),
        ({"cloud": "existing"}, []),
    ],
    ids=str,
)
def test_each_zone_has_what_it_needs(
    tmp_path: Path, name_server: NameServer, options: dict[str, str], names: list[str]
) -> None:
    assert [one.name for one in edge.records(project(tmp_path, **options))] == names


def test_a_name_server_that_is_silent_or_lies_is_no_problem_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(dns, "servers", lambda: [("127.0.0.1", port)])
    assert [one.state for one in edge.records(project(tmp_path / "1"))] == ["unknown", "unknown"]
    monkeypatch.setattr(dns, "servers", list)
    assert "no name server" in next(iter(edge.records(project(tmp_path / "2")))).text
    number, answer = 7, b"\0\7\x81\x80\0\0\0\1\0\0\0\0"
    with pytest.raises(ValueError, match="round in circles"):
        dns._answers(answer + b"\xc0\x0c", number, dns.NS)
    with pytest.raises(ValueError, match="another question"):
        dns._answers(answer, number + 1, dns.NS)
