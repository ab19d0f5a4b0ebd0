"""Makes the README's picture out of what mx really prints: `python docs/images/make.py`."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

COMMAND = "mx generate MLProjectSkeleton churn-model --no-input"


def _environment() -> dict[str, str]:
    """The environment without what is this machine's own: settings of mx, the terminal, the project that gcloud knows."""
    own = ("MX_", "COLUMNS", "LINES", "CLOUDSDK_", "NO_COLOR", "FORCE_COLOR")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def output(folder: str) -> str:
    """What the command prints on a terminal."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mxdev", *COMMAND.split()[1:]], cwd=folder, stdin=side, stdout=side, stderr=side,
        env={**_environment(), "TERM": "xterm-256color", "COLUMNS": "84", "MX_OPT_MX_SOURCE": "index",
             "MX_CONFIG_DIR": folder, "CLOUDSDK_CONFIG": folder},
    )  # fmt: skip
    os.close(side)
    parts = []
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    if process.wait():
        raise SystemExit(b"".join(parts).decode())
    return b"".join(parts).decode().replace("\r\n", "\n")


def picture() -> str:
    """All that the command prints, in a terminal of 84 columns, as SVG."""
    folder = tempfile.mkdtemp()
    try:
        lines = output(folder).splitlines()
    finally:
        shutil.rmtree(folder)
    console = Console(record=True, width=84, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(Text.from_ansi(f"\x1b[1m$ {COMMAND}\x1b[0m\n" + "\n".join(lines)))
    # Without the font that rich would have the reader's browser fetch.
    return re.sub(
        r"@font-face \{.*?\}\s*", "", console.export_svg(title="mx", unique_id="mx"), flags=re.DOTALL
    )


def main() -> None:
    """Write generate.svg beside this file."""
    Path(__file__).with_name("generate.svg").write_text(picture(), encoding="utf-8")


if __name__ == "__main__":
    main()
