"""A Jupyter server with the rendered configuration, on a port of its own: what Studio is told when it asks whether the instance is idle.

    idle.py CONFIGURATION FOLDER

It prints JSON: what the extension answers, and what the server took from the configuration, beside what a base image configures.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TOKEN = "of-the-tests"
# As SageMaker Distribution has one in /etc/jupyter; Jupyter reads it first, and ours after it.
OF_THE_BASE = "c.FileContentsManager.delete_to_trash = False\nc.ServerApp.shutdown_no_activity_timeout = 1\n"


def main(configuration: Path, folder: Path) -> None:
    """Start, ask, stop."""
    ours, base = folder / "ours", folder / "base"
    for one in (ours, base):
        one.mkdir()
    shutil.copy(configuration, ours)
    (base / configuration.name).write_text(OF_THE_BASE)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_PATH": f"{ours}{os.pathsep}{base}",
        "IDLE_MINUTES": "90",
        "HOME": str(folder),
    }
    command = [
        sys.executable,
        "-m",
        "jupyter_server",
        "--no-browser",
        "--allow-root",
        f"--IdentityProvider.token={TOKEN}",
    ]
    shown = subprocess.run(
        [*command, "--show-config-json"], env=environment, capture_output=True, text=True, check=True
    )
    server = subprocess.Popen([*command, f"--port={port}", f"--ServerApp.root_dir={folder}"], env=environment)
    try:
        answer = ask(server, port)
    finally:
        server.terminate()
        server.wait()
    print(json.dumps({"answer": answer, "configured": json.loads(shown.stdout)}))


def ask(server: subprocess.Popen[bytes], port: int) -> object:
    """What the extension says, once the server is up."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/idle", headers={"Authorization": f"token {TOKEN}"}
    )
    for _ in range(300):
        if server.poll() is not None:
            sys.exit("the server has ended")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.2)
    sys.exit("the server does not answer")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
