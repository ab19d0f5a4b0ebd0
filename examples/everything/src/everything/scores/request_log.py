"""Requests and answers are written down beside the serving: what does not fit in the queue is dropped, and counted."""

import json
import logging
import queue
import threading
import time
import uuid
from typing import Any

import fsspec

log = logging.getLogger(__name__)


class RequestLog:
    """Writes records into files of JSON lines below a folder, which may be in a bucket.

    Args:
        folder: any URL that fsspec knows, such as gs://bucket/requests; empty: nothing is written.
        room: how many records may wait.
        batch: how many records a file has at most.
        seconds: how long a record waits at most before it is written.
    """

    def __init__(
        self, folder: str, room: int = 1000, batch: int = 200, seconds: float = 10.0
    ) -> None:
        self.dropped = 0
        self._folder, self._batch, self._seconds = folder.rstrip("/"), batch, seconds
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue(room)
        self._thread = threading.Thread(target=self._work, name="request-log", daemon=True)
        if self._folder:
            self._thread.start()

    def note(self, record: dict[str, Any]) -> bool:
        """Hand a record over; whether it is kept. Never waits."""
        if not self._folder:
            return True
        try:
            self._waiting.put_nowait({"time": time.time(), **record})
        except queue.Full:
            self.dropped += 1
            return False
        return True

    def close(self) -> None:
        """Write what is waiting, for ten seconds at most."""
        if self._thread.is_alive():
            try:
                self._waiting.put(None, timeout=5)
            except queue.Full:
                return
            self._thread.join(5)

    def _work(self) -> None:
        going = True
        while going:
            records, going = self._some()
            if records:
                try:
                    self._write(records)
                except Exception as problem:
                    # Whatever the bucket answers, serving goes on.
                    self.dropped += len(records)
                    log.warning("%d requests were not logged: %s", len(records), problem)

    def _some(self) -> tuple[list[dict[str, Any]], bool]:
        """The next records, and whether more may come."""
        records: list[dict[str, Any]] = []
        until = time.monotonic() + self._seconds
        while len(records) < self._batch:
            try:
                record = self._waiting.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if record is None:
                return records, False
            records.append(record)
        return records, True

    def _write(self, records: list[dict[str, Any]]) -> None:
        day = time.strftime("%Y-%m-%d", time.gmtime(records[0]["time"]))
        lines = "".join(json.dumps(record, default=str) + "\n" for record in records)
        with fsspec.open(
            f"{self._folder}/{day}/{uuid.uuid4().hex}.jsonl", "wt", auto_mkdir=True
        ) as file:
            file.write(lines)
