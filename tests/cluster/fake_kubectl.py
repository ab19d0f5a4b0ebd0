"""A kubectl for tests of what mx makes of its answers: one job and its pods, kept in files of the folder FAKE_CLUSTER.

`job`: the job, when there is one. `pods`: its pods. `log`: what each of them logs. `calls`: what was asked for.
`behaviour`: words that change what it does. `lose-request` and `lose-answer` break the next `create` before or after the
job is made, `vanish` also all that follows, `slow-create` makes that take two seconds. `away` breaks everything while it
is there, `expired` refuses everything, `refuse`, `full` (the quota) and `no-namespace` refuse to create, `no-events` to give events.
`pods-stay` and `job-stays` keep the one or the other after the job was deleted.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

HERE = Path(os.environ["FAKE_CLUSTER"])
LOST = "Unable to connect to the server: EOF"


def fail(words: str) -> None:
    sys.exit(words)


def behaves(word: str, *, once: bool = False) -> bool:
    path = HERE / "behaviour"
    words = path.read_text().split() if path.exists() else []
    if word in words and once:
        path.write_text(" ".join(other for other in words if other != word))
    return word in words


def shown(path: Path, default: str) -> str:
    return path.read_text() if path.exists() else default


def get(arguments: list[str]) -> None:
    if "pods" in arguments:
        print(f'{{"items": {shown(HERE / "pods", "[]")}}}')
    elif "events" in arguments and behaves("no-events"):
        fail('Error from server (Forbidden): events is forbidden: User "ann" cannot list resource "events"')
    elif "events" in arguments:
        print(f'{{"items": {shown(HERE / "events", "[]")}}}')
    elif (HERE / "job").exists():
        print((HERE / "job").read_text())
    elif "--ignore-not-found" not in arguments:
        fail('Error from server (NotFound): jobs.batch "churn" not found')


def create() -> None:
    import yaml

    if behaves("refuse"):
        fail(
            'Error from server (Forbidden): jobs.batch is forbidden: User "ann" cannot create resource "jobs"'
        )
    if behaves("full"):
        fail(
            'Error from server (Forbidden): error when creating "STDIN": jobs.batch "churn" is forbidden: exceeded quota: two, '
            "requested: count/jobs.batch=1, used: count/jobs.batch=2, limited: count/jobs.batch=2"
        )
    if behaves("no-namespace"):
        fail('Error from server (NotFound): error when creating "STDIN": namespaces "ml" not found')
    if behaves("lose-request", once=True):
        fail(LOST)
    if behaves("slow-create"):
        (HERE / "creating").touch()
        time.sleep(2)
    if (HERE / "job").exists():
        fail(
            'Error from server (AlreadyExists): error when creating "STDIN": jobs.batch "churn" already exists'
        )
    (HERE / "job").write_text(json.dumps({"status": {}, **yaml.safe_load(sys.stdin)}))
    with (HERE / "made").open("a") as file:
        file.write("made\n")
    if behaves("vanish"):
        (HERE / "behaviour").write_text("away")
        fail(LOST)
    if behaves("lose-answer", once=True):
        fail(LOST)


def delete() -> None:
    if not behaves("job-stays"):
        (HERE / "job").unlink(missing_ok=True)
    if not behaves("pods-stay"):
        (HERE / "pods").unlink(missing_ok=True)


def logs(arguments: list[str]) -> None:
    print(shown(HERE / "log", ""), end="", flush=True)
    while "--follow" in arguments and "unning" in shown(HERE / "pods", ""):
        time.sleep(0.05)


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--request-timeout")]
    while arguments[0] in ("--context", "--namespace"):
        arguments = arguments[2:]
    if arguments[:1] in (["version"], ["config"]):
        if "current-context" in arguments and behaves("no-context"):
            fail("error: current-context is not set")
        print("Client Version: v1.36.3" if arguments[0] == "version" else "ml-cluster")
        return
    with (HERE / "calls").open("a") as file:
        print(" ".join(arguments), file=file)
    if behaves("away"):
        fail("The connection to the server h:1 was refused - did you specify the right host or port?")
    if behaves("expired"):
        fail("error: You must be logged in to the server (Unauthorized)")
    verb = arguments[0]
    {"get": lambda: get(arguments), "create": create, "delete": delete, "logs": lambda: logs(arguments)}[
        verb
    ]()


main()
