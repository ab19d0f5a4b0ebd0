"""Stands for Google's load balancer with Identity-Aware Proxy: somebody is logged in, came by HTTPS, and goes to the gateway."""

from __future__ import annotations

import asyncio

from server_thread import ServerThread


class LoadBalancerDouble(ServerThread):
    """Listens on 127.0.0.1 at `port`, and passes requests on to `gateway`, a port there. `stop` ends it.

    Each connection has one request, or one websocket: what is said of the client stands in the first head alone.
    """

    def __init__(self, gateway: int, token: str) -> None:
        self.websockets = 0
        self._gateway, self._token = gateway, token
        super().__init__("127.0.0.1")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one request, or one websocket."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            there, on = await asyncio.open_connection("127.0.0.1", self._gateway)
            on.write(self._head(head))
            await asyncio.gather(_copy(reader, on), _copy(there, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _head(self, head: bytes) -> bytes:
        # A browser that came by HTTPS names no port.
        lines = (
            head.replace(f":{self.port}".encode(), b"").replace(b"http://", b"https://").split(b"\r\n")[:-2]
        )
        socket = any(line.lower() == b"upgrade: websocket" for line in lines)
        self.websockets += socket
        if not socket:
            lines = [line for line in lines if not line.lower().startswith((b"connection:", b"keep-alive:"))]
            lines.append(b"connection: close")
        lines += [
            b"x-forwarded-for: 203.0.113.9, 198.51.100.1",
            b"x-forwarded-proto: https",
            f"x-goog-iap-jwt-assertion: {self._token}".encode(),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
