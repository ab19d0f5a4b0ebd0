"""Which proxy a program asks by the environment's variables. Programs in Python and programs in Go read the same ones differently."""

from __future__ import annotations

import os
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass


def of_python(uri: str) -> str | None:
    """The proxy that a program in Python asks for `uri`, if any; with a scheme."""
    parts = urlsplit(uri)
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    if not proxy or proxy_bypass(parts.hostname or ""):
        return None
    return _with_scheme(proxy)


def of_go(uri: str) -> str | None:
    """The proxy that a program in Go asks for `uri`, if any; with a scheme. This machine itself is asked directly, whatever the variables say.

    As `httpproxy` in golang.org/x/net.
    """
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:  # it is no address
        return None
    proxy = _either("HTTPS_PROXY" if parts.scheme == "https" else "HTTP_PROXY")
    if not proxy or host == "localhost" or _is_loopback(host):
        return None
    if any(_left_out(host, port, entry.strip().lower()) for entry in _either("NO_PROXY").split(",")):
        return None
    return _with_scheme(proxy)


def is_this_machine(host: str) -> bool:
    """Whether a host's name or address is one of this machine's own, such as localhost."""
    return host == "localhost" or host.endswith(".localhost") or _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _either(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.lower()) or ""


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _left_out(host: str, port: int, entry: str) -> bool:
    """Whether an entry of NO_PROXY means the host: `*`, addresses (10.0.0.0/8), an address or a name with all names below it, with a port or
    without; `.name` is only those below it."""
    if entry in ("", "*"):
        return entry == "*"
    if "/" in entry:
        try:
            return ip_address(host) in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, sign, last = entry.rpartition(":")
    if not (sign and last.isdecimal()) or (":" in name and not name.startswith("[")):
        name, last = entry, ""
    if last and int(last) != port:
        return False
    name = (name.strip("[]") if last else name).removeprefix("*")
    try:
        return ip_address(host) == ip_address(name)
    except ValueError:
        return host == name or (bool(name) and host.endswith(f".{name.removeprefix('.')}"))
