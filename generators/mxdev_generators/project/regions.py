"""The regions of Google Cloud, so that one that does not exist is refused before Terraform asks for it.

Source: https://cloud.google.com/compute/docs/regions-zones and the release notes of 2026-01 (asia-southeast3, Bangkok).
`gcloud compute regions list` says what is true today; a region that is missing here is added here.
"""

from __future__ import annotations

import difflib

# By continent, what follows it.
_REGIONS = {
    "africa": "south1",
    "asia": "east1 east2 northeast1 northeast2 northeast3 south1 south2 southeast1 southeast2 southeast3",
    "australia": "southeast1 southeast2",
    "europe": "central2 north1 north2 southwest1 west1 west2 west3 west4 west6 west8 west9 west10 west12",
    "me": "central1 central2 west1",
    "northamerica": "northeast1 northeast2 south1",
    "southamerica": "east1 west1",
    "us": "central1 east1 east4 east5 south1 west1 west2 west3 west4",
}
REGIONS = tuple(f"{continent}-{place}" for continent, places in _REGIONS.items() for place in places.split())


def unknown_region(region: str) -> str | None:
    """Why a region cannot be used; None for one that exists."""
    if region in REGIONS:
        return None
    near = difflib.get_close_matches(region, REGIONS, n=3)
    meant = f"; did you mean {', '.join(near)}?" if near else "."
    return f"{region!r} is not a region of Google Cloud{meant} `gcloud compute regions list` shows them"
