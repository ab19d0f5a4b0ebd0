"""An app as a thread of the tests: says its name and what headers came; echoes words over a websocket.

A request waits for as many seconds as its header `x-delay` says.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json

from server_thread import ServerThread

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class LocalApp(ServerThread):
    """Listens at `address` on a port that the system gives; `port` is known once it is made. `stop` ends it."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        super().__init__(address)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests until the connection ends."""
        try:
            while True:
                await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        headers = {key.strip().lower(): value.strip() for key, _, value in pairs}
        if headers.get("upgrade", "").lower() == "websocket":
            await self._echo(headers, reader, writer)
        await reader.readexactly(int(headers.get("content-length", 0)))
        await asyncio.sleep(float(headers.get("x-delay", 0)))
        writer.write(self.answer(headers))
        await writer.drain()

    def answer(self, headers: dict[str, str]) -> bytes:
        """The whole answer to a request with these headers."""
        body = json.dumps({"app": self.name, "headers": headers}).encode()
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    async def _echo(
        self, headers: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        digest = hashlib.sha1((headers["sec-websocket-key"] + _GUID).encode()).digest()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"sec-websocket-accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        while True:  # short masked frames only, as the tests send them
            first, length = await reader.readexactly(2)
            mask = await reader.readexactly(4)
            data = await reader.readexactly(length & 127)
            plain = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
            writer.write(bytes([first, len(plain)]) + plain)
            await writer.drain()


class LoginDouble(LocalApp):
    """Stands for oauth2-proxy: whoever has a cookie `session=EMAIL` is logged in, all others are sent to the login."""

    def answer(self, headers: dict[str, str]) -> bytes:
        """What oauth2-proxy says with `--upstream=static://200` and `--set-xauthrequest`."""
        email = headers.get("cookie", "").partition("session=")[2]
        if not email:
            return b"HTTP/1.1 302 Found\r\nlocation: https://login.example.com/\r\ncontent-length: 0\r\n\r\n"
        return f"HTTP/1.1 200 OK\r\nx-auth-request-email: {email}\r\ncontent-length: 0\r\n\r\n".encode()
