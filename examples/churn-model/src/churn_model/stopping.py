"""SIGTERM: a cluster ends processes with it. Training writes a checkpoint first; everything else ends at once."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

# As a shell has it; Kubernetes and torchrun take it for a failure, and start the training again.
EXIT_CODE = 128 + signal.SIGTERM


class Stopping:
    """Whether this process was asked to end.

    Attributes:
        asked: it was, while `held`.
    """

    def __init__(self) -> None:
        self.asked = False
        self._held = False

    def listen(self) -> None:
        """Take SIGTERM from now on. Without this, it ends the process as it ends any other."""
        signal.signal(signal.SIGTERM, self._on_signal)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within, the first SIGTERM is only noted in `asked`, and who runs the code has to end; the second one ends it."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked or not self._held:
            end()
        self.asked = True


def end() -> NoReturn:
    """End this process as one that can be started again; its run is marked as failed until then."""
    sys.exit(EXIT_CODE)
