"""A TCP server on an event loop of its own, in a thread of the tests."""

from __future__ import annotations

import asyncio
import threading


class ServerThread:
    """Listens at `address` on a port that the system gives; `port` is known once it is made. `stop` ends it.

    A subclass serves a connection in `serve`.
    """

    def __init__(self, address: str) -> None:
        self.port = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()

        def work() -> None:
            asyncio.set_event_loop(self._loop)
            server = self._loop.run_until_complete(asyncio.start_server(self.serve, address, 0))
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            self._loop.run_forever()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

        self._thread = threading.Thread(target=work, daemon=True)
        self._thread.start()
        ready.wait(10)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it, and every connection."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
