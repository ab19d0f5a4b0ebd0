"""A pairwise covering set: few combinations in which every pair of choices of two options occurs together.

`python tests/covering.py` prints the set that the tests use.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import Any

HOSTILE = 'He said "hi" {{ 7*7 }} ${x} $(id) #c: [\n\'; import os # %{ if true } </script> שלום 🦊 \\'

# The first choice of each is what `--no-input` gives; `None` leaves the option out.
SKELETON: dict[str, Sequence[Any]] = {
    "name": ("churn-model", "m1", "a-name-of-forty-characters-is-as-long-as"),
    "description": (None, HOSTILE, "-"),
    "client": (None, HOSTILE),
    "task": ("image", "tabular", "text"),
    "cloud": ("gcp", "existing", "none"),
    "project_id": (None, "acme-ml-4711"),
    "zone": (None, "", "europe-west4-a"),
    "domain": (None, "ml.example.com"),
    "engineer": (
        None,
        ("ada@example.com", f"{HOSTILE.replace('<', '').replace('>', '')} <grace@example.com>"),
    ),
    "python": ("3.11", "3.12", "3.13"),
    "accelerator": ("none", "nvidia-t4", "nvidia-l4", "nvidia-a100"),
}

# Those of them with a cluster.
CLUSTERS = SKELETON["cloud"][:2]

# What is beneath the project, with the choices of the skeleton that reach it.
PLATFORM: dict[str, Sequence[Any]] = {
    "name": ("churn-model",),
    "cloud": CLUSTERS,
    "accelerator": SKELETON["accelerator"],
    "gpu_driver": ("google", "daemonset"),
    "database": ("in-cluster", "cloud-sql"),
    "artifact_store": (None, "s3://acme-ml/churn", "wasbs://mlflow@acmestorage.blob.core.windows.net/churn"),
    "storage_class": (None, "gp3"),
    "registry": (None, "ghcr.io/acme/churn"),
    "pull_secret": (None, "ghcr"),
    "package_index": (None, "https://pypi.example.com/simple/"),
}

# DistributedTraining, with the choices of the skeleton that reach it.
DISTRIBUTED: dict[str, Sequence[Any]] = {
    "name": SKELETON["name"],
    "cloud": CLUSTERS,
    "accelerator": SKELETON["accelerator"],
    "runtime": ("pytorchjob", "trainjob"),
    "workers": (2, 1, 1024),
    "gpus_per_worker": (None, 0, 2),
    "cpus": (None, "0.5"),
    "memory": (None, "512Mi"),
    "queue": (None, "team-a"),
    "spot": (None, True),
    "elastic": (None, 1),
}

# DeploymentInfrastructure, with the choices of the skeleton that reach it.
EDGE: dict[str, Sequence[Any]] = {
    "name": SKELETON["name"],
    "cloud": CLUSTERS,
    "accelerator": ("none",),
    "domain": ("ml.example.com",),
    "dns_zone": ("delegated", "owned", "elsewhere"),
    "certificate": ("wildcard", "single"),
    "challenge": ("dns", "http"),
    "clients": (None, ("ann@client.example", "@other.example")),
    "oauth_client": ("google", "custom"),
    "issuer": (None, "https://login.example.com/realms/ml"),
}

# What is added to a project as many times as somebody likes, with the choices of the skeleton that reach it.
EVERYDAY: dict[str, Sequence[Any]] = {
    "project": SKELETON["name"],
    "instance": ("report", "aa", "a_name_of_thirty_characters_is"),
    "task": SKELETON["task"],
    "cloud": SKELETON["cloud"],
    "accelerator": ("none",),
}

# Pages for people, as many as somebody likes, with the choices of the skeleton that reach them.
PAGES: dict[str, Sequence[Any]] = {
    "project": SKELETON["name"],
    "instance": ("demo", "demo_two", "a_name_of_thirty_characters_is"),
    "task": SKELETON["task"],
    "cloud": CLUSTERS,
    "accelerator": ("none",),
    "audience": ("engineers", "public"),
    "pull_secret": (None, "ghcr"),
}

# Endpoints of models, as many as somebody likes, with the choices of the skeleton that reach them.
SERVING: dict[str, Sequence[Any]] = {
    "cloud": CLUSTERS,
    "accelerator": ("none",),
    "engine": ("kserve", "seldon"),
    "canary_weight": (0, 10),
    "tag": ("0123abc", None),
    "audience": ("engineers", "public"),
    "pull_secret": (None, "ghcr"),
    "request_log": (None, "gs://acme-requests/log"),
}

# ModelMonitoring, with the choices of the skeleton that reach it. Where there is no bucket of its own, a log is named.
MONITORING: dict[str, Sequence[Any]] = {
    "name": ("scores",),
    "cloud": CLUSTERS,
    "accelerator": ("none",),
    "request_log": (None, "s3://acme-data/scores"),
    "every_hours": ("1", "6", "24"),
    "audience": ("engineers", "public"),
    "tag": (None, "4f2a"),
    "pull_secret": (None, "ghcr"),
}

# DebugPod, with the choices of the skeleton that reach it.
DEBUG: dict[str, Sequence[Any]] = {
    "name": SKELETON["name"],
    "cloud": CLUSTERS,
    "accelerator": SKELETON["accelerator"],
    "tag": (None, "4f2a"),
    "storage_class": (None, "gp3"),
    "pull_secret": (None, "ghcr"),
}

# BeamPipeline, with the choices of the skeleton that reach it.
BEAM: dict[str, Sequence[Any]] = {
    "project": ("m1", SKELETON["name"][2]),
    "instance": ("visits", "a_name_of_thirty_characters_is"),
    "cloud": CLUSTERS,
    "accelerator": ("none",),
    "kind": ("table", "images"),
    "reads": (None, "deliveries/2026"),
}

Row = dict[str, Any]


def pairwise(choices: Mapping[str, Sequence[Any]]) -> list[Row]:
    """A small set of rows that covers every pair; the first row is the first choice of each. Deterministic."""
    names = list(choices)
    missing = {
        ((first, a), (second, b))
        for first, second in itertools.combinations(names, 2)
        for a in range(len(choices[first]))
        for b in range(len(choices[second]))
    }
    rows: list[dict[str, int]] = []
    while missing:
        row = dict.fromkeys(names, 0) if not rows else _next(choices, missing)
        missing -= set(itertools.combinations(row.items(), 2))
        rows.append(row)
    return [{name: choices[name][index] for name, index in row.items()} for row in rows]


def _next(choices: Mapping[str, Sequence[Any]], missing: set[Any]) -> dict[str, int]:
    """The row that greedily covers most of what is missing, begun with the first missing pair."""
    row = dict(min(missing))
    for name in choices:
        if name not in row:
            row[name] = max(
                range(len(choices[name])), key=lambda index: _gain(row, name, index, choices, missing)
            )
    return {name: row[name] for name in choices}


def _gain(
    row: dict[str, int], name: str, index: int, choices: Mapping[str, Sequence[Any]], missing: set[Any]
) -> int:
    whole = {key: index if key == name else row[key] for key in choices if key == name or key in row}
    return sum(
        pair in missing
        for pair in itertools.combinations(whole.items(), 2)
        if any(key == name for key, _ in pair)
    )


def every(choices: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The full product."""
    return [dict(zip(choices, row, strict=True)) for row in itertools.product(*choices.values())]


def rows(choices: Mapping[str, Sequence[Any]] = SKELETON) -> list[Row]:
    """What the tests render: the covering set, or with `MX_TEST_ALL` the full product. Options that are left out are gone."""
    found = every(choices) if os.environ.get("MX_TEST_ALL") else pairwise(choices)
    rows = [{name: value for name, value in row.items() if value is not None} for row in found]
    return [possible for row in rows for possible in _possible(row)]


def _possible(row: Row) -> list[Row]:
    """Rows that are not refused.

    Google Cloud has a bucket and may have Cloud SQL, and no other cloud has; a certificate for one name is Google's, and a challenge
    is another cluster's: what does not go together is left out. A zone that is owned has a name. Only PyTorchJobs are elastic. Instead
    of a row with GPUs and no accelerator, one without GPUs and one with an accelerator.
    """
    absent = {"artifact_store", "challenge"} if row["cloud"] == "gcp" else {"database", "certificate"}
    row = {name: value for name, value in row.items() if name not in absent}
    if row.get("dns_zone") == "owned":
        row["managed_zone"] = "example-com"
    if row.get("runtime") != "pytorchjob":
        row = {name: value for name, value in row.items() if name != "elastic"}
    if row.get("spot"):
        row = _with_spot_nodes(row)
    if row["accelerator"] != "none" or not row.get("gpus_per_worker"):
        return [row]
    without = {name: value for name, value in row.items() if name != "gpus_per_worker"}
    return [without, {**row, "accelerator": "nvidia-l4"}]


def _with_spot_nodes(row: Row) -> Row:
    """Google's only, and with a GPU in each pod; elsewhere the row has none."""
    if row["cloud"] != "gcp":
        return {name: value for name, value in row.items() if name != "spot"}
    row = {name: value for name, value in row.items() if (name, value) != ("gpus_per_worker", 0)}
    return row if row["accelerator"] != "none" else {**row, "accelerator": "nvidia-l4"}


def label(row: Row) -> str:
    """A short name of a row, for a test's id."""
    return (
        "-".join(
            f"{name[:4]}={str(value)[:11] if str(value).isprintable() and len(str(value)) < 12 else 'x'}"
            for name, value in row.items()
            if value
            != {
                **BEAM,
                **DEBUG,
                **PAGES,
                **SERVING,
                **EVERYDAY,
                **DISTRIBUTED,
                **PLATFORM,
                **EDGE,
                **SKELETON,
            }.get(name, (value,))[0]
        )
        or "default"
    )


if __name__ == "__main__":
    for choices in (SKELETON, PLATFORM, DISTRIBUTED, EDGE, EVERYDAY, PAGES, SERVING, DEBUG, BEAM):
        found = rows(choices)
        for row in found:
            print(row)
        print(f"{len(found)} rows cover every pair; the full product has {len(every(choices))}")
