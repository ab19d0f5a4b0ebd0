"""A double of the program docker with Compose: records every call, and "runs" a release until another one is brought up.

DOUBLE names a folder: `calls` gets a line a call, `running` holds the image that runs, and an image whose tag stands in `sick` never gets healthy.
While there is a file `full`, no image can be pulled; pruning images removes it,
unless there is a file `stuck`.
"""

import json
import os
import sys
from pathlib import Path

FOLDER = Path(os.environ["DOUBLE"])
ARGUMENTS = sys.argv[1:]
RUNNING = FOLDER / "running"


def image() -> str:
    """The image that the folder of the project says."""
    folder = Path(ARGUMENTS[ARGUMENTS.index("--project-directory") + 1])
    assert "healthcheck" in (folder / "compose.yaml").read_text()
    return (folder / ".env").read_text().strip().removeprefix("IMAGE=")


def up() -> int:
    wanted = image()
    before = RUNNING.read_text() if RUNNING.exists() else ""
    if before == wanted:
        print(" Container churn-server-1  Running", file=sys.stderr)
        return 0
    if "--dry-run" not in ARGUMENTS:
        RUNNING.write_text(wanted)
    prefix = " DRY-RUN MODE - " if "--dry-run" in ARGUMENTS else ""
    print(f"{prefix} Container churn-server-1  Started", file=sys.stderr)
    if wanted.rpartition(":")[2] in (FOLDER / "sick").read_text().split():
        print("container churn-server-1 is unhealthy", file=sys.stderr)
        return 1
    return 0


def main() -> int:
    with (FOLDER / "calls").open("a") as calls:
        calls.write(json.dumps(ARGUMENTS) + "\n")
    if "version" in ARGUMENTS:
        compose = {"version": "v2.27.0"}
        print(json.dumps(compose if "compose" in ARGUMENTS else {"Server": {"ApiVersion": "1.47"}}))
        return 0
    if "pull" in ARGUMENTS and (FOLDER / "full").exists():
        print(
            "failed to register layer: write /usr/lib/libtorch.so: no space left on device", file=sys.stderr
        )
        return 1
    if "prune" in ARGUMENTS and (FOLDER / "stuck").exists():
        print("Error response from daemon: a prune operation is already running", file=sys.stderr)
        return 1
    if "prune" in ARGUMENTS:
        (FOLDER / "full").unlink(missing_ok=True)
    if "up" in ARGUMENTS:
        return up()
    if "images" in ARGUMENTS:
        print("[]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
