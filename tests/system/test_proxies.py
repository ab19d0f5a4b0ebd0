"""The proxy that a program in Go asks, by the variables of the environment."""

from __future__ import annotations

import pytest

from mxdev.system import proxies


@pytest.mark.parametrize(
    ("uri", "left_out", "asked"),
    [
        ("https://cluster.example.com", "", True),
        ("https://127.0.0.1:6443", "", False),
        ("https://[::1]:6443", "", False),
        ("https://localhost:6443", "", False),
        ("http://cluster.example.com", "", False),  # that would be HTTP_PROXY
        ("https://10.1.2.3", "192.168.0.0/16, 10.0.0.0/8", False),
        ("https://11.1.2.3", "10.0.0.0/8", True),
        ("https://cluster.example.com", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.1.2.3:443", False),
        ("https://10.1.2.3", "10.1.2.3:6443", True),
        ("https://[fd00::1]", "fd00::1", False),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", False),
        ("https://cluster.example.com", "Example.com", False),
        ("https://example.com", ".example.com", True),
        ("https://a.example.com", "*.example.com", False),
        ("https://anexample.com", "example.com", True),
        ("https://cluster.example.com", "*", False),
        ("", "", False),
        ("https://h:port", "", False),
    ],
)
def test_what_a_program_in_go_asks(
    uri: str, left_out: str, asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "proxy:3128")
    monkeypatch.setenv("NO_PROXY", left_out)
    assert proxies.of_go(uri) == ("http://proxy:3128" if asked else None)
