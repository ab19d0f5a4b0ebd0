"""Standard 5: what the service answers is written down, and tested."""

from __future__ import annotations

from typing import Any

from mxdev_shipyard.standards.model import Repository, Standard, unmet

STANDARD = Standard(
    5,
    "openapi.yaml describes the service, and tests send requests made from it.",
    "Clients are written against it; a description that nobody tests is wrong after the second change.",
    "Describe POST /v1/models/MODEL:predict with its request and its answers in openapi.yaml, and test it by schemathesis in tests/test_serve.py.",
    __file__,
)
FILE = "openapi.yaml"


def _resolved(data: Any, node: Any) -> Any:
    """What a node says, or what it refers to within the file."""
    for _ in range(10):  # a reference may lead to another, or in a circle
        reference = node.get("$ref") if isinstance(node, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        node = data
        for part in reference[2:].split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            node = node.get(key) if isinstance(node, dict) else None
    return node


def _described(data: Any, node: Any) -> bool:
    content = _resolved(data, node)
    kinds = content.get("content") if isinstance(content, dict) else None
    return isinstance(kinds, dict) and any(
        isinstance(kind, dict) and kind.get("schema") for kind in kinds.values()
    )


def test_the_prediction_is_described(repository: Repository) -> None:
    """An operation of OpenAPI 3 that predicts, with the form of its request and of its answer."""
    data = repository.yaml(FILE)
    if not isinstance(data, dict) or not str(data.get("openapi", "")).startswith("3."):
        unmet("it is no description as OpenAPI 3 has them", FILE)
    paths = data.get("paths")
    paths = paths if isinstance(paths, dict) else {}
    predicting = {path: item for path, item in paths.items() if str(path).endswith((":predict", "/infer"))}
    if not predicting:
        unmet("it has no path that ends in :predict or /infer", FILE)
    for path, item in predicting.items():
        if repository.model is not None and f"/models/{repository.model}" not in str(path):
            unmet(f"{path} is not the path of the model {repository.model}", FILE)
        item = _resolved(data, item)
        post = item.get("post") if isinstance(item, dict) else None
        if not isinstance(post, dict):
            unmet(f"{path} has no post", FILE)
        if not _described(data, post.get("requestBody")):
            unmet(f"{path} does not describe the request", FILE)
        responses = post.get("responses")
        answers = responses if isinstance(responses, dict) else {}
        if not _described(data, answers.get("200", answers.get(200))):
            unmet(f"{path} does not describe the answer 200", FILE)


def test_requests_are_made_from_it(repository: Repository) -> None:
    """The tests of the service send what schemathesis makes of it."""
    path = "tests/test_serve.py"
    text = repository.text(path)
    if "schemathesis" not in text or FILE not in text:
        unmet(f"no test sends requests that schemathesis makes from {FILE}", path)
