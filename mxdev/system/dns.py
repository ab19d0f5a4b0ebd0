"""Names in DNS: their addresses, by the system's resolver; and NS and CNAME, which that does not hand out, by the machine's name servers.

One question, one answer, by UDP (RFC 1035). An answer that does not fit into a packet is an error: nobody has that many name servers.
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Sequence
from pathlib import Path

from mxdev.errors import MxError

NS, CNAME = 2, 5
KINDS = {"NS": NS, "CNAME": CNAME}
_NO_SUCH_NAME = 3
RESOLV_CONF = Path("/etc/resolv.conf")
# How long one server may take, in seconds; there are usually two or three.
_PATIENCE = 3.0


class NoAddress(MxError):
    """A name that leads nowhere; the message is the resolver's."""


def addresses(host: str) -> set[str]:
    """The addresses of a host.

    Raises:
        NoAddress: it has none, or nobody could be asked.
    """
    try:
        return {str(one[4][0]) for one in socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)}
    except OSError as error:
        raise NoAddress(error.strerror or str(error)) from error


def servers() -> list[tuple[str, int]]:
    """The name servers of this machine, address and port; none where it does not say them in a file."""
    try:
        lines = RESOLV_CONF.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    return [(parts[1], 53) for parts in words if len(parts) > 1 and parts[0] == "nameserver"]


def records(name: str, kind: int, ask: Sequence[tuple[str, int]] | None = None) -> list[str]:
    """What DNS has under a name, sorted, without the dot at the end; nothing if it has none or does not know the name.

    Args:
        name: such as "churn.ml.example.com".
        kind: `NS` or `CNAME`.
        ask: the servers; None: those of this machine.

    Raises:
        MxError: no server answered, or none that could.
    """
    problem = "this machine says no name server in /etc/resolv.conf"
    for server in servers() if ask is None else ask:
        number = secrets.randbelow(1 << 16)
        family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as line:
                line.settimeout(_PATIENCE)
                line.connect(server)
                line.send(_question(number, name, kind))
                packet = line.recv(4096)
            return _answers(packet, number, kind)
        except (OSError, struct.error, IndexError, ValueError) as error:
            problem = f"{server[0]}: {error}"
    word = next(word for word, number in KINDS.items() if number == kind)
    raise MxError(f"DNS does not say the {word} records of {name}: {problem}.")


def _question(number: int, name: str, kind: int) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.rstrip(".").encode("idna").split(b"."))
    # One question, to be answered by asking others; class IN.
    return struct.pack(">6H", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", kind, 1)


def _answers(packet: bytes, number: int, kind: int) -> list[str]:
    got, flags, questions, count = struct.unpack(">4H", packet[:8])
    code = flags & 0xF
    if got != number or not flags & 0x8000:
        raise ValueError("the answer is to another question")
    if flags & 0x0200:
        raise ValueError("the answer is cut short")
    if code == _NO_SUCH_NAME:
        return []
    if code:
        raise ValueError(f"the server answers with error {code}")
    at = 12
    for _ in range(questions):
        at = _name(packet, at)[1] + 4
    found = []
    for _ in range(count):
        _, at = _name(packet, at)
        what, _, _, length = struct.unpack(">2HIH", packet[at : at + 10])
        if what == kind:
            found.append(_name(packet, at + 10)[0])
        at += 10 + length
    return sorted(found)


def _name(packet: bytes, at: int) -> tuple[str, int]:
    """The name that begins at a place, and where what follows begins.

    A name may end in a pointer to where it, or its end, was said before: `ns1` `-> 12` is ns1.example.com if that stands at 12.
    """
    labels: list[str] = []
    after, jumps = None, 0
    while length := packet[at]:
        if length >= 0xC0:
            after = at + 2 if after is None else after
            at, jumps = (length & 0x3F) << 8 | packet[at + 1], jumps + 1
            if jumps > 64:
                raise ValueError("a name goes round in circles")
            continue
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return ".".join(labels), at + 1 if after is None else after
