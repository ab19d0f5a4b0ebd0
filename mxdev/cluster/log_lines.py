"""Lines of one container's log: streamed from kubectl, each once although they are read in several goes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from mxdev.cluster.kubectl import Kubectl

# "2026-11-21T15:00:34.632311123Z text": how `kubectl logs --timestamps` begins a line, in the node's time zone.
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d) ?")


class Stream:
    """The lines of one `kubectl logs`, to be iterated over once.

    Args:
        kubectl: where the pod is.
        pod, container: whose log it is.
        options: further options of `kubectl logs`.
    """

    def __init__(self, kubectl: Kubectl, pod: str, container: str, *options: str) -> None:
        self._kubectl = kubectl
        self._arguments = ("logs", pod, "--container", container, *options)
        self._process = kubectl.popen(*self._arguments)

    def __iter__(self) -> Iterator[str]:
        """The lines, without their ends.

        Raises:
            ClusterError: the log could not be read, or not to its end.
        """
        stdout, stderr = self._process.stdout, self._process.stderr
        assert stdout is not None
        assert stderr is not None
        errors: list[bytes] = []
        # Both pipes are read at the same time, or a full one would hold kubectl up.
        reader = threading.Thread(target=lambda: errors.append(stderr.read()), daemon=True)
        reader.start()
        with self._process:
            for line in stdout:
                yield line.decode("utf-8", "replace").rstrip("\n")
            reader.join()
        if self._process.returncode:
            words = b"".join(errors).decode("utf-8", "replace")
            raise self._kubectl.failure(self._arguments, words)

    def stop(self) -> None:
        """End it; may be called from any thread."""
        self._process.kill()


class Position:
    """How far a log was read: the time of the last line, and how many lines bear that time."""

    def __init__(self) -> None:
        self._last = ""
        self._same = 0

    @property
    def since(self) -> list[str]:
        """What makes kubectl start there. It knows whole seconds only, so lines come again; `new` drops them."""
        return [f"--since-time={self._last[:19]}Z"] if self._last else []

    def new(self, lines: Iterable[str]) -> Iterator[str]:
        """The lines that were not read before, without their times."""
        known, known_same = self._last, self._same
        for line in lines:
            match = _STAMP.match(line)
            if match is None:
                yield tidy(line)
                continue
            stamp = _utc(*match.groups())
            if stamp < known:
                continue
            if stamp == known and known_same:
                known_same -= 1
                continue
            self._same = self._same + 1 if stamp == self._last else 1
            self._last = stamp
            yield tidy(line[match.end() :])


def _utc(seconds: str, fraction: str | None, zone: str) -> str:
    """A time that sorts as text, to the nanosecond."""
    moment = datetime.fromisoformat(seconds + zone).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}{(fraction or '.').ljust(10, '0')}"


def tidy(line: str) -> str:
    """Of a progress bar, which writes over its own line again and again, what stands there last."""
    shown = [part for part in line.rstrip("\r").split("\r") if part]
    return shown[-1] if shown else ""
