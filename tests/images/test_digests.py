"""`tests/digests.py` against a double of a registry, which hands out tokens as Docker Hub does; no real one was asked."""

from __future__ import annotations

import datetime
import hashlib
import json
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import digests
import pytest

INDEX = json.dumps({"schemaVersion": 2, "mediaType": digests.INDEXES[0], "manifests": []}).encode()
REAL = f"sha256:{hashlib.sha256(INDEX).hexdigest()}"


class Double(BaseHTTPRequestHandler):
    """Docker Hub's ways: a challenge, a token for one repository, manifests by tag and by digest."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        here = f"http://127.0.0.1:{self.server.server_address[1]}"
        url = urlsplit(self.path)
        if url.path == "/token":
            asked = parse_qs(url.query)
            assert asked["service"] == ["registry.example"]
            self.send(200, json.dumps({"token": f"for {asked['scope'][0]}"}).encode())
            return
        full = url.path.removeprefix("/v2/").partition("/manifests/")[0]
        if full.endswith("locked"):
            self.send(401, b"", {"WWW-Authenticate": 'Basic realm="registry"'})
        elif self.headers.get("Authorization") != f"Bearer for repository:{full}:pull":
            challenge = (
                f'Bearer realm="{here}/token",service="registry.example",scope="repository:{full}:pull"'
            )
            self.send(401, b"", {"WWW-Authenticate": challenge})
        elif not any(one in self.headers["Accept"] for one in digests.INDEXES):
            self.send(404, b"")
        elif url.path.endswith(("/manifests/1", f"/manifests/{REAL}")):
            body = INDEX + b" " if full.endswith("swapped") else INDEX
            said = "sha512:0" if full.endswith("odd") else REAL
            self.send(200, body, {"Docker-Content-Digest": said, "Content-Type": digests.INDEXES[0]})
        else:
            self.send(404, b"")

    def send(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Double)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_the_digest_of_an_index_is_asked_with_a_token_and_compared_with_its_bytes(registry: str) -> None:
    assert digests.digest(f"{registry}/library/redis", "1") == REAL


@pytest.mark.parametrize(
    ("repository", "tag", "said"),
    [
        ("library/redis", "2", "404"),
        ("library/swapped", "1", "sends bytes of"),
        ("library/odd", "1", "no SHA-256"),
        ("library/locked", "1", "more than a token"),
    ],
)
def test_what_a_registry_does_not_say_is_an_error(
    registry: str, repository: str, tag: str, said: str
) -> None:
    with pytest.raises(digests.UnknownError, match=said):
        digests.digest(f"{registry}/{repository}", tag)


def test_docker_hub_answers_under_another_name_and_all_others_with_tls() -> None:
    assert digests.address("docker.io") == "https://registry-1.docker.io"
    assert digests.address("ghcr.io") == "https://ghcr.io"


def test_the_table_takes_what_is_said_and_keeps_the_rest(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = f'digest = "sha256:{"0" * 64}"\ndate = 2026-01-01\nsource = "public repositories"\n'
    text = (
        f'# Kept.\n\n[first]\nname = "{registry}/library/redis"\ntag = "1"\n\n'
        f'[gone]\nname = "{registry}/library/redis"\ntag = "2"\n{old}\n'
        f'[second]\nname = "{registry}/moby/buildkit"\ntag = "1"\n{old}\n'
        '[untagged]\nname = "127.0.0.1:1/x/y"\n\n[unreachable]\nname = "127.0.0.1:1/x/y"\ntag = "1"\n'
    )
    path = tmp_path / "images.toml"
    path.write_text(text)
    monkeypatch.setattr(digests, "FILE", path)
    assert digests.main(["nobody"]) == 2
    assert path.read_text() == text
    assert digests.main([]) == 1
    new = path.read_text()
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    fresh = f'digest = "{REAL}"\ndate = {day}\nsource = "registry"\n'
    expected = text.replace('redis"\ntag = "1"\n', f'redis"\ntag = "1"\n{fresh}')
    before, after = expected.split("[second]")
    assert new == f"{before}[second]{after.replace(old, fresh)}"
    said = capsys.readouterr()
    assert f"first: {REAL} (new)" in said.out
    assert f"second: {REAL} (new)" in said.out
    assert "left as it is: gone: " in said.err
    assert "left as it is: unreachable: 127.0.0.1:1 cannot" in said.err
    assert "untagged" not in said.err
    assert digests.main(["first"]) == 0
    assert path.read_text() == new
    assert f"first: {REAL}\n" in capsys.readouterr().out
    assert tomllib.loads(new)["first"]["date"].isoformat() == day
    assert digests.main(["untagged"]) == 1
    assert "left as it is: untagged: no tag" in capsys.readouterr().err
