"""`python -m mxdev.cluster.session`: one job from stdin, submitted and followed to its end.

stdin holds one JSON object: `manifest`; `context` and `namespace` (or null); `detach`: submit and do not wait;
`label`: what it is called beside other jobs in the same terminal; `patient`: wait where the quota of the namespace
leaves no room for one job more; `report`:
the file that gets, as JSON, what became of it: `outcome` (succeeded, failed, killed, submitted, refused), `reason`, `kind`,
`namespace`, `name`, `context`. The logs go to stdout, talk to stderr. The exit code is 0, 1, or 130 after a signal.

SIGINT, SIGTERM and SIGHUP cancel the job, and a second one leaves at once. "submitted" stands for a job that goes on:
after `detach`, after the second signal, and when the API server was lost for good.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Literal

from mxdev.cluster import manifest as manifests
from mxdev.cluster import submit
from mxdev.cluster.kubectl import Kubectl, last_line
from mxdev.cluster.logs import Follower
from mxdev.cluster.progress import Lines, Progress
from mxdev.cluster.refusals import QUOTA, ClusterError
from mxdev.cluster.state import State
from mxdev.errors import DONE, INTERRUPTED, SAYS_NO, MxError
from mxdev.system import console

Outcome = Literal["succeeded", "failed", "killed", "submitted", "refused"]
_OUTCOMES: Mapping[str, Outcome] = {"succeeded": "succeeded", "failed": "failed", "gone": "killed"}

# Signals that come closer together than this, in seconds, are one: a terminal and a parent process may both send it.
_SAME = 1.0
# Seconds until a job is submitted again for which there was no room.
_PAUSE = 2.0


def main() -> int:
    """Run the job that stdin names; the exit code."""
    return Session(json.load(sys.stdin)).run()


class Session:
    """One job, and what becomes of it.

    Args:
        job: what came from stdin.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._manifest: manifests.Manifest = job["manifest"]
        self._detach = bool(job.get("detach"))
        self._patient = bool(job.get("patient"))
        self._report = Path(job["report"])
        self._ref = manifests.ref(self._manifest)
        namespace = job.get("namespace") or self._manifest["metadata"].get("namespace")
        self._kubectl = Kubectl(job.get("context"), namespace)
        self._label = label = f"{job['label']} " if job.get("label") else ""
        self._follower = Follower(self._kubectl, self._ref.kind, Lines(label), console.warn)
        self._progress = Progress(self._ref, lambda text: console.status(f"{label}{text}"))
        self._submitted = False
        self._state: State | None = None
        self._ended: tuple[Outcome, str] = ("refused", "")

    def run(self) -> int:
        """Submit the job, follow it, and report; the exit code."""
        code = INTERRUPTED
        signals = _Signals()
        try:
            with signals:
                try:
                    code = self._submit_and_wait()
                except KeyboardInterrupt:
                    code = self._interrupted()
        except KeyboardInterrupt:
            self._ended = ("submitted", "it was left running")
            console.warn(f"{self._ref} goes on. {self._how_to_cancel()}")
        except MxError as problem:
            console.error(problem.message, problem.hint)
            code = INTERRUPTED if signals.count else SAYS_NO
            self._ended = ("refused", problem.message)
            # An answer that never came says nothing about the job.
            if self._submitted or (
                isinstance(problem, ClusterError) and problem.lost and self._kubectl.reached
            ):
                self._ended = ("submitted", problem.message)
                console.warn(f"{self._ref} may go on. {self._how_to_cancel()}")
        finally:
            self._follower.close()
            self._write()
        return code

    def _submit_and_wait(self) -> int:
        context = self._kubectl.context
        where = f"namespace {self._kubectl.namespace}" + (f" of {context}" if context else "")
        console.status(f"submitting {self._ref} to {where}")
        if not self._submit():
            console.status("it had been submitted before")
        self._submitted = True
        if self._detach:
            self._ended = ("submitted", "")
            return DONE
        return self._over(
            submit.follow(self._kubectl, self._ref, self._follower, self._look, threading.Event())
        )

    def _submit(self) -> bool:
        """Make the job, as `submit.submit`; a patient one waits for room in the quota."""
        said = False
        while True:
            try:
                return submit.submit(self._kubectl, self._manifest)
            except ClusterError as problem:
                if not self._patient or problem.reason != QUOTA:
                    raise
                if not said:
                    console.status(f"{self._label}{self._ref} waits for room: {last_line(problem.words)}")
                    console.status(f"{self._label}{problem.hint}")
            said = True
            time.sleep(_PAUSE)

    def _look(self, state: State) -> None:
        self._state = state
        self._progress(state)

    def _over(self, state: State) -> int:
        """The job has ended by itself, or somebody else deleted it."""
        self._ended = (_OUTCOMES[state.phase], state.reason)
        console.status(f"{self._ref}: {self._ended[0]}{f': {state.reason}' if state.reason else ''}")
        left = [replica.name for replica in state.replicas if replica.phase == "running"]
        if left and state.phase == "failed":
            console.warn(
                f"still running, although the job is over: {', '.join(left)}. {self._how_to_cancel()}"
            )
        return DONE if state.phase == "succeeded" else SAYS_NO

    def _interrupted(self) -> int:
        """A signal came: cancel the job, if it is there and has not ended."""
        if self._state is not None and self._state.over:
            return self._over(self._state)
        self._ended = ("killed", "interrupted")
        # Nothing is submitted before the server has answered once.
        if self._submitted or (self._kubectl.reached and submit.find(self._kubectl, self._manifest)):
            self._submitted = True
            console.status(f"cancelling {self._ref}; once more leaves at once")
            submit.cancel(self._kubectl, self._ref, on_pods=self._follower.update)
        console.status(f"{self._ref}: cancelled")
        return INTERRUPTED

    def _how_to_cancel(self) -> str:
        return f"This cancels it: {submit.cancel_command(self._kubectl, self._ref)}"

    def _write(self) -> None:
        """Write the report."""
        outcome, reason = self._ended
        there = self._kubectl.reached
        result = {
            "outcome": outcome,
            "reason": reason,
            "kind": self._ref.kind.name,
            "name": self._ref.name,
            "namespace": self._kubectl.namespace if there else None,
            "context": self._kubectl.context if there else None,
        }
        self._report.write_text(json.dumps(result), encoding="utf-8")


class _Signals:
    """Makes the first signal, and another one more than a moment later, a KeyboardInterrupt.

    After the block signals do nothing any more: what is left to do takes a moment, and must be done.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last = 0.0
        self._mine: list[int] = []

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Ignored on purpose (nohup): it stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._receive)
                self._mine.append(number)

    def __exit__(self, *_: object) -> None:
        for number in self._mine:
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.count and now - self._last < _SAME:
            return
        self.count += 1
        self._last = now
        raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
