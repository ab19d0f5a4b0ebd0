"""What a plan's resources are billed by: unit, number, and the setting that changes it. No prices: those are Google's to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from mxdev.infra.plans.changes import Plan

# Hours of an average month.
MONTH = 730
Values = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One thing that is billed.

    Attributes:
        address: the resource.
        what: what it is, for a person.
        unit: what is counted, such as "h of e2-standard-2".
        least: how many in a month where nothing is done; None: it depends on use.
        most: how many at most; None: it depends on use.
        knob: what changes it, and where.
    """

    address: str
    what: str
    unit: str
    least: float | None
    most: float | None
    knob: str

    def number(self) -> str:
        """How many, for a person."""
        if self.least is None or self.most is None:
            return "by use"
        least, most = f"{self.least:,.0f}", f"{self.most:,.0f}"
        return least if least == most else f"{least} to {most}"


@dataclass(frozen=True)
class Cost:
    """What is billed, and the types of which mx does not know whether they are."""

    items: tuple[Item, ...]
    unknown: tuple[str, ...]


def read(plan: Plan) -> Cost:
    """What is billed when the plan is carried out."""
    items: list[Item] = []
    unknown: set[str] = set()
    for address, kind, values in plan.resources:
        if kind in _BILLED:
            items.extend(_BILLED[kind](address, values))
        elif not _free(kind):
            unknown.add(kind)
    return Cost(tuple(items), tuple(sorted(unknown)))


def _always(
    what: str, unit: str, knob: str, number: float = MONTH
) -> Callable[[str, Values], Iterable[Item]]:
    return lambda address, values: [Item(address, what, unit, number, number, knob)]


def _by_use(what: str, unit: str, knob: str) -> Callable[[str, Values], Iterable[Item]]:
    return lambda address, values: [Item(address, what, unit, None, None, knob)]


def _cluster(address: str, values: Values) -> Iterable[Item]:
    location = str(values.get("location") or "")
    kind = "zonal" if location.count("-") == 2 else "regional"
    yield Item(address, "control plane", f"h of a {kind} cluster", MONTH, MONTH, "zone")


def _nodes(address: str, values: Values) -> Iterable[Item]:
    config, scaling = _block(values, "node_config"), _block(values, "autoscaling")
    zones = len(values.get("node_locations") or ()) or 1
    if scaling.get("total_max_node_count"):
        least, most = scaling.get("total_min_node_count") or 0, scaling["total_max_node_count"]
    elif scaling.get("max_node_count"):
        least, most = (scaling.get("min_node_count") or 0) * zones, scaling["max_node_count"] * zones
    else:
        least = most = (values.get("node_count") or values.get("initial_node_count") or 0) * zones
    machine = str(config.get("machine_type") or "e2-medium")
    pool = str(values.get("name") or "")
    knob = f"{pool}_nodes (machine_type, max{', spot' if pool != 'system' else ''})"
    spot = "spot " if config.get("spot") or config.get("preemptible") else ""
    yield Item(address, "nodes", f"h of {spot}{machine}", least * MONTH, most * MONTH, knob)
    if disk := config.get("disk_size_gb"):
        unit = f"GB-months of {config.get('disk_type') or 'pd-balanced'}"
        yield Item(address, "disks of the nodes", unit, least * disk, most * disk, f"{pool}_nodes")
    for gpu in config.get("guest_accelerator") or ():
        count = (gpu.get("count") or 0) * MONTH
        unit = f"h of {spot}{gpu.get('type')}"
        yield Item(
            address, "GPUs", unit, least * count, most * count, "accelerator, gpu_nodes.max, gpu_nodes.spot"
        )


def _sql(address: str, values: Values) -> Iterable[Item]:
    settings = _block(values, "settings")
    two = 2 if settings.get("availability_type") == "REGIONAL" else 1
    yield Item(
        address,
        "database",
        f"h of {settings.get('tier')}",
        MONTH * two,
        MONTH * two,
        "sql.tier, sql.high_availability",
    )
    size = (settings.get("disk_size") or 10) * two
    grows = settings.get("disk_autoresize") is not False
    yield Item(address, "its disk", f"GB-months of SSD, from {size} on" if grows else "GB-months of SSD",
               None if grows else size, None if grows else size, "grows with what is in it")  # fmt: skip
    yield Item(address, "its backups", "GB-months", None, None, "sql.backups")


def _disk(address: str, values: Values) -> Iterable[Item]:
    size = values.get("size")
    yield Item(address, "disk", f"GB-months of {values.get('type') or 'pd-standard'}", size, size, "size")


def _address(address: str, values: Values) -> Iterable[Item]:
    if values.get("address_type") != "INTERNAL" and values.get("purpose") != "VPC_PEERING":
        yield Item(address, "address", "h of an external address", MONTH, MONTH, "")


def _block(values: Values, name: str) -> Values:
    found = values.get(name)
    if isinstance(found, list):
        found = found[0] if found else None
    return found if isinstance(found, dict) else {}


_BILLED: dict[str, Callable[[str, Values], Iterable[Item]]] = {
    "google_container_cluster": _cluster,
    "google_container_node_pool": _nodes,
    "google_compute_router_nat": _always("way out", "h of Cloud NAT, and GB that go through it", "network.tf"),
    "google_compute_address": _address,
    "google_compute_global_address": _address,
    "google_compute_forwarding_rule": _always("load balancer", "h of a forwarding rule", ""),
    "google_compute_global_forwarding_rule": _always("load balancer", "h of a forwarding rule", ""),
    "google_compute_disk": _disk,
    "google_storage_bucket": _by_use("bucket", "GB-months and requests", "noncurrent_days, checkpoint_days, backup_days"),
    "google_artifact_registry_repository": _by_use("registry", "GB-months", "cleanup_policies in registry.tf"),
    "google_sql_database_instance": _sql,
    "google_secret_manager_secret": _by_use("secret", "versions and accesses", ""),
    "google_dns_managed_zone": _always("DNS zone", "zones, and queries", "", 1),
    "google_cloud_scheduler_job": _always("timer", "jobs", "", 1),
    "google_kms_crypto_key": _by_use("key", "key versions and operations", ""),
    "aws_eks_cluster": _always("control plane", "h of an EKS cluster", ""),
    "aws_nat_gateway": _always("way out", "h of a NAT gateway, and GB that go through it", ""),
    "aws_instance": lambda address, values: [Item(address, "machine", f"h of {values.get('instance_type')}", MONTH, MONTH, "instance_type")],
    "aws_ebs_volume": _disk,
    "aws_db_instance": lambda address, values: [Item(address, "database", f"h of {values.get('instance_class')}", MONTH, MONTH, "instance_class")],
    "aws_lb": _always("load balancer", "h of a load balancer", ""),
    "aws_s3_bucket": _by_use("bucket", "GB-months and requests", ""),
    "aws_ecr_repository": _by_use("registry", "GB-months", ""),
}  # fmt: skip

# Rights, names, settings: nothing of theirs is billed.
_FREE = (
    "google_project_service", "google_project_iam_", "google_service_account", "google_iam_workload_identity_pool",
    "google_compute_network", "google_compute_subnetwork", "google_compute_router", "google_compute_firewall",
    "google_service_networking_connection", "google_sql_database", "google_sql_user", "google_billing_budget",
    "google_cloudbuild_trigger", "google_cloudbuildv2_", "google_gke_backup_", "google_monitoring_", "google_logging_metric",
    "google_project_iam_custom_role", "google_secret_manager_secret_iam", "terraform_data", "null_resource", "random_", "time_",
    "aws_iam_", "aws_vpc", "aws_subnet", "aws_security_group", "aws_route", "aws_internet_gateway",
)  # fmt: skip


def _free(kind: str) -> bool:
    return kind.startswith(_FREE) or kind.endswith(("_iam_member", "_iam_binding", "_iam_policy"))
