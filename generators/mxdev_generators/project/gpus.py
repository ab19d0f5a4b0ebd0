"""Which zones of Google Cloud have which GPU. Google has no page that a program can read; whoever knows better overrides.

Sources:

- L4 and A100: https://cloud.google.com/compute/docs/gpus/gpu-regions-zones as of 2026-02-05. Of the A100 (40 GB) only zones
  in which Google also lists the machine type a2-highgpu-1g.
- T4: the listings of `gcloud compute accelerator-types list` that SkyPilot's catalog and Google's own samples hold. The
  latter are from 2019, so zones outside the United States that got the T4 later are missing.

`gcloud compute accelerator-types list --filter="zone~REGION"` says what is true today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# By accelerator and region, the last letters of the zones.
_ZONES: Mapping[str, Mapping[str, str]] = {
    "nvidia-t4": {
        "asia-northeast1": "ac",
        "asia-northeast3": "bc",
        "asia-south1": "ab",
        "asia-southeast1": "bc",
        "europe-west1": "b",
        "europe-west2": "ab",
        "europe-west4": "bc",
        "southamerica-east1": "c",
        "us-central1": "abcf",
        "us-east1": "cd",
        "us-east4": "abc",
        "us-west1": "ab",
        "us-west2": "bc",
        "us-west4": "ab",
    },
    "nvidia-l4": {
        "asia-east1": "abc",
        "asia-northeast1": "abc",
        "asia-northeast3": "ab",
        "asia-south1": "abc",
        "asia-southeast1": "abc",
        "europe-west1": "bc",
        "europe-west2": "ab",
        "europe-west3": "ab",
        "europe-west4": "abc",
        "europe-west6": "bc",
        "me-central2": "ac",
        "northamerica-northeast2": "ab",
        "us-central1": "abcf",
        "us-east1": "bc",
        "us-east4": "ac",
        "us-west1": "abc",
        "us-west4": "ac",
    },
    "nvidia-a100": {
        "asia-northeast1": "ac",
        "asia-southeast1": "bc",
        "europe-west4": "ab",
        "me-west1": "ac",
        "us-central1": "abcf",
        "us-east1": "b",
        "us-west1": "b",
        "us-west3": "b",
        "us-west4": "b",
    },
}


def zones() -> dict[str, list[str]]:
    """The zones that have each accelerator, by its name, in alphabetical order."""
    return {
        accelerator: [f"{region}-{letter}" for region, letters in regions.items() for letter in letters]
        for accelerator, regions in _ZONES.items()
    }


def default_zone(region: str, accelerator: str) -> str:
    """The zone of `region` for a cluster in one zone: of those that have the accelerator, the one with most other GPUs.

    Args:
        region: a region of Google Cloud.
        accelerator: "none", or a key of `zones()`. Where no zone is known to have it, any zone of the region will do: the
            GPU nodes are then somewhere else, or Terraform asks where.
    """
    known = [zone for found in zones().values() for zone in found if zone.rpartition("-")[0] == region]
    having = [zone for zone in known if zone in zones().get(accelerator, known)]
    # Every region has a zone b, and not every one has a zone a.
    return max(sorted(set(having)), key=known.count, default=f"{region}-b")


def cluster_zone(values: Mapping[str, Any]) -> str:
    """The zone of the project's cluster; empty for a regional one, and where the cluster is not mx's.

    `auto` follows the region and the accelerator, so that a change of either needs no other answer.
    """
    zone = str(values["zone"])
    if zone != "auto":
        return zone
    return default_zone(values["region"], values["accelerator"]) if values["cloud"] == "gcp" else ""
