"""Ask a running server one question: `python -m ... URL NAME`. It must answer what it says it takes."""

import json
import math
import sys
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

# Until pods are there and have loaded the model, in seconds.
PATIENCE = 900.0


def example(inputs: list[dict[str, Any]]) -> dict[str, Any]:
    """A request that fits: zeros, and words where it takes words; one where any length will do."""
    asked = []
    for one in inputs:
        shape = [1 if length < 0 else length for length in one["shape"]]
        value: Any = {"BYTES": "example", "BOOL": False}.get(one["datatype"], 0)
        asked.append({**one, "shape": shape, "data": [value] * math.prod(shape)})
    return {"inputs": asked}


def wait(url: str, name: str, patience: float) -> dict[str, Any]:
    """What the server says of the model, once it is ready.

    Raises:
        SystemExit: it was not for `patience` seconds; says what it answered last.
    """
    until = time.monotonic() + patience
    while True:
        try:
            with urlopen(f"{url}/v2/models/{name}", timeout=10) as answer:  # noqa: S310
                said: dict[str, Any] = json.load(answer)
                return said
        except OSError as problem:
            if time.monotonic() > until:
                raise SystemExit(f"{url} does not say what {name} takes: {problem}") from None
        time.sleep(2)


def ask(url: str, name: str, patience: float = PATIENCE) -> str:
    """Ask, and say in a line what came back.

    Raises:
        SystemExit: the server refused it, failed, or answered nothing.
    """
    inputs = wait(url, name, patience)["inputs"]
    body = json.dumps(example(inputs)).encode()
    head = {"Content-Type": "application/json"}
    request = Request(f"{url}/v2/models/{name}/infer", body, head)  # noqa: S310
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            outputs = json.load(answer).get("outputs")
    except HTTPError as problem:
        said = problem.read().decode(errors="replace")
        raise SystemExit(
            f"{name} answers {problem.code} to what it says it takes: {said}"
        ) from None
    except OSError as problem:
        raise SystemExit(f"{name} does not answer: {problem}") from None
    if not outputs:
        raise SystemExit(f"{name} answers without outputs.")
    took = ", ".join(f"{one['name']} {one['datatype']} {one['shape']}" for one in inputs)
    gave = ", ".join(f"{one['name']} {one['datatype']} {one['shape']}" for one in outputs)
    return f"{name} takes {took}, and gives {gave}"


if __name__ == "__main__":
    sys.stdout.write(f"{ask(sys.argv[1], sys.argv[2])}\n")
