"""Stops the debug pod when nobody has used it for a while: asks JupyterLab, and scales the pod's own StatefulSet to nothing.

In use is what runs a cell or printed something in a terminal lately, and whoever touched `.stay-awake` in the home folder.
Python's own library is all it needs.
"""

import contextlib
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

JUPYTER = "http://127.0.0.1:8888"
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
LOOK_EVERY = 30.0


def last_use(ask: Callable[[str], Any], awake: Path, started: float) -> float:
    """When the pod was used last, in seconds since 1970; that is now while a cell runs.

    Args:
        ask: gives what JupyterLab answers at a path.
        awake: the file that somebody touches who works by other means.
        started: when this began, which counts as use.
    """
    uses = [started]
    with contextlib.suppress(OSError):
        uses.append(awake.stat().st_mtime)
    for kernel in ask("/api/kernels"):
        if kernel["execution_state"] == "busy":
            return time.time()
        uses.append(_seconds(kernel["last_activity"]))
    uses += [_seconds(terminal["last_activity"]) for terminal in ask("/api/terminals")]
    return max(uses)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp()


def ask_jupyter(path: str) -> Any:
    """What JupyterLab answers.

    Raises:
        OSError: it does not answer yet.
    """
    with urllib.request.urlopen(JUPYTER + path, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def stop(api: str, namespace: str, name: str, account: Path) -> None:
    """Scale the StatefulSet to nothing.

    Raises:
        OSError: the API server does not answer, or says no.
    """
    request = urllib.request.Request(  # noqa: S310
        f"{api}/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}/scale",
        data=json.dumps({"spec": {"replicas": 0}}).encode(),
        method="PATCH",
        headers={
            "Authorization": f"Bearer {(account / 'token').read_text().strip()}",
            "Content-Type": "application/merge-patch+json",
        },
    )
    context = ssl.create_default_context(cafile=str(account / "ca.crt"))
    with urllib.request.urlopen(request, timeout=30, context=context):  # noqa: S310
        pass


def main() -> None:
    """Look again and again; never end by itself, as the pod would start it anew."""
    idle = 60 * float(os.environ["IDLE_MINUTES"])
    awake = Path(os.environ["HOME"], ".stay-awake")
    api = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    account = Path(os.environ.get("ACCOUNT", ACCOUNT))
    started = time.time()
    while True:
        try:
            unused = time.time() - last_use(ask_jupyter, awake, started)
            if unused >= idle:
                print(f"nobody has used it for {unused / 60:.0f} minutes: it stops", flush=True)
                stop(api, os.environ["NAMESPACE"], os.environ["NAME"], account)
        except (OSError, ValueError, KeyError) as problem:
            print(f"not known yet: {problem}", file=sys.stderr, flush=True)
        time.sleep(float(os.environ.get("LOOK_EVERY", LOOK_EVERY)))


if __name__ == "__main__":
    main()
