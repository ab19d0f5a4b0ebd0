"""The actions that workflows use: each pinned by the commit of a release, with the inputs that are used of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Step = dict[str, Any]


@dataclass(frozen=True)
class Action:
    """An action at one commit. A tag can be moved by whoever takes the repository over; a commit cannot."""

    name: str
    commit: str
    version: str
    inputs: frozenset[str]

    def step(self, *, id: str | None = None, when: str | None = None, **inputs: Any) -> Step:
        """A step that uses it.

        Args:
            id: the step's id.
            when: its `if`.
            **inputs: `with`, with underscores for dashes where the action has dashes.
        """
        given = {self._input(name): value for name, value in inputs.items()}
        step: Step = {"id": id} if id else {}
        if when:
            step["if"] = when
        step["uses"] = f"{self.name}@{self.commit}"
        if given:
            step["with"] = given
        return step

    def _input(self, name: str) -> str:
        for spelling in (name, name.replace("_", "-")):
            if spelling in self.inputs:
                return spelling
        raise ValueError(f"{self.name} has no input {name}")


def _action(name: str, commit: str, version: str, inputs: str = "") -> Action:
    return Action(name, commit, version, frozenset(inputs.split()))


CHECKOUT = _action(
    "actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1", "persist-credentials"
)
SETUP_UV = _action(
    "astral-sh/setup-uv", "20cfd1bf945f4377ade1205e4dbc17946fc9a30d", "v10.0.1",
    "version python-version enable-cache cache-dependency-glob",
)  # fmt: skip
UPLOAD = _action(
    "actions/upload-artifact", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0",
    "name path if-no-files-found include-hidden-files retention-days",
)  # fmt: skip
DOWNLOAD = _action(
    "actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1", "name path"
)
UPLOAD_PAGES = _action(
    "actions/upload-pages-artifact", "fc324d3547104276b827a68afc52ff2a11cc49c9", "v5.0.0", "path"
)
DEPLOY_PAGES = _action("actions/deploy-pages", "cd2ce8fcbc39b97be8ca5fce6e763baed58fa128", "v5.0.0")
AUTH = _action(
    "google-github-actions/auth", "7c6bc770dae815cd3e89ee6cdf493a5fab2cc093", "v3.0.0",
    "workload_identity_provider project_id service_account token_format create_credentials_file",
)  # fmt: skip
UPLOAD_SARIF = _action(
    "github/codeql-action/upload-sarif", "8aad20d150bbac5944a9f9d289da16a4b0d87c1e", "v4.36.2",
    "sarif_file category",
)  # fmt: skip

ALL = (
    CHECKOUT,
    SETUP_UV,
    UPLOAD,
    DOWNLOAD,
    UPLOAD_PAGES,
    DEPLOY_PAGES,
    AUTH,
    UPLOAD_SARIF,
)


# Why a job is given more than to read.
_WHY = {
    "actions": "switches mx-train-result on and off",
    "contents": "makes the release",
    "id-token": "shows Google Cloud or GitHub Pages who it is",
    "packages": "pushes images",
    "pages": "publishes the documentation",
    "pull-requests": "says what Terraform would change",
    "security-events": "reports to code scanning",
    "statuses": "says at a commit how its training is",
}
_LOCAL = "zizmor: ignore[self-repository] the form with a dollar is newer than many servers and linters"


def with_comments(text: str) -> str:
    """A rendered workflow with what stands behind some of its lines.

    Behind every pinned commit is the release that it is, as Dependabot reads and moves it; behind every permission to write
    is why it is given.
    """
    for action in ALL:
        pinned = f"uses: {action.name}@{action.commit}"
        text = text.replace(pinned + "\n", f"{pinned} # {action.version}\n")
    for scope, why in _WHY.items():
        text = text.replace(f"      {scope}: write\n", f"      {scope}: write # {why}\n")
    return re.sub(r"^(    uses: \./\S+)$", rf"\1 # {_LOCAL}", text, flags=re.MULTILINE)
