"""An instance that nobody uses stops: first its kernels, then its server, with which Studio stops the instance."""

from __future__ import annotations

import os
from typing import Any

SECONDS = int(os.environ.get("IDLE_MINUTES", "60")) * 60


def configure(server: Any) -> None:
    """Set the times of a Jupyter server's configuration."""
    server.MappingKernelManager.cull_idle_timeout = SECONDS
    server.MappingKernelManager.cull_interval = 60
    # A browser tab that is left open does not keep a kernel; a cell that runs does.
    server.MappingKernelManager.cull_connected = True
    server.MappingKernelManager.cull_busy = False
    server.TerminalManager.cull_inactive_timeout = SECONDS
    server.ServerApp.shutdown_no_activity_timeout = SECONDS


if "get_config" in globals():  # Jupyter gives it to the files that it reads.
    configure(globals()["get_config"]())
