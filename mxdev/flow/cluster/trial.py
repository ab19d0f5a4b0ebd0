"""`python -m mxdev.flow.cluster.trial`: one trial of a search as a Job, for `trials.py`.

Like `submitter.py`, with which it shares its input, and three things differ. It leaves when the search that started it (`parent`) is
gone, and the Job goes on: the search finds it again by the run's id. A Job of the same run that is just being deleted, since the
search was interrupted a moment ago, is waited for. And so is room in the quota of the namespace, which a Job that is deleted leaves.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

# Seconds between two looks.
_PAUSE = 1.0


def main() -> int:
    """Submit the trial that stdin names and follow it; the exit code, see `mxdev.cluster.session`."""
    job = json.load(sys.stdin)
    threading.Thread(target=_leave_with, args=(job["parent"],), daemon=True).start()
    from mxdev.flow.cluster import submitter

    return submitter.run({**job, "patient": True}, before=_until_deleted)


def _until_deleted(job: Mapping[str, Any]) -> None:
    """Wait while a Job of the same name is being deleted.

    Raises:
        ClusterError: the API server refuses, or is away for too long.
    """
    from mxdev.cluster import manifest
    from mxdev.cluster.kubectl import Kubectl

    ref = manifest.ref(job["manifest"])
    kubectl = Kubectl(job["context"], job["namespace"])
    what = ("get", *ref.words, "--ignore-not-found", "--output", "jsonpath={.metadata.deletionTimestamp}")
    while kubectl.run(*what).strip():
        time.sleep(_PAUSE)


def _leave_with(parent: int) -> None:
    """End this process, and the kubectl that it has started, when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(_PAUSE)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
