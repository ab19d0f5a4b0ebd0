"""Reads a plan of Terraform (`terraform show -json`): what is made, changed, replaced and why, destroyed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mxdev.errors import MxError

Verb = Literal["create", "change", "replace", "destroy", "import", "forget"]
VERBS: tuple[Verb, ...] = ("create", "import", "change", "replace", "forget", "destroy")

# What holds what cannot be made again: deleting one of these loses data. Prefixes of types.
_DATA = (
    "google_storage_bucket", "google_sql_database", "google_sql_database_instance", "google_container_cluster",
    "google_compute_disk", "google_artifact_registry_repository", "google_bigquery_dataset", "google_bigquery_table",
    "google_secret_manager_secret", "google_kms_crypto_key", "google_kms_key_ring", "google_filestore_instance",
    "google_spanner_", "google_bigtable_", "google_firestore_", "google_redis_instance",
    "aws_s3_bucket", "aws_db_instance", "aws_rds_cluster", "aws_ebs_volume", "aws_efs_file_system", "aws_dynamodb_table",
    "aws_ecr_repository", "aws_eks_cluster", "aws_secretsmanager_secret", "aws_kms_key",
)  # fmt: skip
# Settings and rights of those, which hold nothing themselves.
_NO_DATA = ("_iam_member", "_iam_binding", "_iam_policy", "_versioning", "_public_access_block", "_policy",
            "_lifecycle_configuration", "_server_side_encryption_configuration", "_ownership_controls",
            "_access_control", "_user")  # fmt: skip

_WHY = {
    "replace_because_tainted": "it is damaged (tainted)",
    "replace_by_request": "you asked for it",
    "replace_by_triggers": "what it depends on is replaced",
    "delete_because_no_resource_config": "no .tf file has it any more",
    "delete_because_wrong_repetition": "count or for_each was added or taken away",
    "delete_because_count_index": "count is smaller now",
    "delete_because_each_key": "its key is no longer in for_each",
    "delete_because_no_module": "no .tf file has its module any more",
    "delete_because_no_move_target": "it was moved to where nothing is",
}


@dataclass(frozen=True)
class Change:
    """What a plan does with one resource.

    Attributes:
        address: Terraform's name of it.
        type: such as "google_storage_bucket".
        verb: what is done.
        why: for `change`, `replace` and `destroy`: because of what.
        loses: data that cannot be made again is lost.
        before: its values as they are; None where there is none.
        after: its values as they will be, as far as they are known; None where it goes.
    """

    address: str
    type: str
    verb: Verb
    why: str = ""
    loses: bool = False
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


@dataclass(frozen=True)
class Plan:
    """A plan, as far as a person has to know it.

    Attributes:
        changes: what it does with resources, in order of verb and address.
        resources: all that will be there when it is done: address, type, and values as far as they are known.
        drift: addresses of what was changed behind Terraform's back.
        outputs: names of outputs that change.
    """

    changes: tuple[Change, ...]
    resources: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    drift: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def lost(self) -> tuple[Change, ...]:
        """What is lost for good."""
        return tuple(change for change in self.changes if change.loses)

    @property
    def nothing(self) -> bool:
        """Whether it does nothing at all."""
        return not self.changes and not self.outputs

    def count(self, verb: Verb) -> int:
        """How many resources it does that with."""
        return sum(change.verb == verb for change in self.changes)

    def summary(self) -> str:
        """How many of each verb, in words."""
        counts = [f"{self.count(verb)} to {verb}" for verb in VERBS if self.count(verb)]
        return ", ".join(counts) or ("only outputs change" if self.outputs else "no changes")


def read(document: Any) -> Plan:
    """The plan in what `terraform show -json FILE` printed.

    Raises:
        MxError: it is none.
    """
    if not isinstance(document, dict) or not str(document.get("format_version", "")).startswith("1."):
        raise MxError(
            "What Terraform showed is not a plan that mx can read.",
            hint="`mx infra plan` makes a new one; mx knows format 1 of `terraform show -json`.",
        )
    changes = [change for raw in document.get("resource_changes") or () if (change := _change(raw))]
    outputs = document.get("output_changes") or {}
    return Plan(
        tuple(sorted(changes, key=lambda one: (VERBS.index(one.verb), one.address))),
        tuple(
            (str(raw["address"]), str(raw["type"]), raw["change"].get("after") or {})
            for raw in document.get("resource_changes") or ()
            if raw.get("mode") == "managed" and raw["change"]["actions"] not in (["delete"], ["forget"])
        ),
        tuple(str(raw["address"]) for raw in document.get("resource_drift") or () if _drifted(raw["change"])),
        tuple(name for name, change in outputs.items() if change.get("actions") != ["no-op"]),
    )


def _drifted(change: dict[str, Any]) -> bool:
    """Whether somebody changed it. That a provider now says "empty" where it said nothing before is not a change."""
    if change["actions"] == ["no-op"]:
        return False
    before, after = change.get("before"), change.get("after")
    if before is None or after is None:
        return True
    keys = {*before, *after}
    return any((before.get(key) or None) != (after.get(key) or None) for key in keys)


def _change(raw: dict[str, Any]) -> Change | None:
    if raw.get("mode") != "managed":
        return None
    change = raw["change"]
    verb = _verb(tuple(change["actions"]), imported="importing" in change)
    if verb is None:
        return None
    kind = str(raw["type"])
    goes = verb in ("replace", "destroy")
    return Change(
        str(raw["address"]),
        kind,
        verb,
        _why(raw, verb),
        goes and holds_data(kind),
        change.get("before"),
        change.get("after"),
    )


def holds_data(kind: str) -> bool:
    """Whether deleting a resource of this type loses what cannot be made again."""
    return kind.startswith(_DATA) and not kind.endswith(_NO_DATA)


def _verb(actions: tuple[str, ...], *, imported: bool) -> Verb | None:
    found: dict[tuple[str, ...], Verb] = {
        ("create",): "create",
        ("update",): "change",
        ("delete",): "destroy",
        ("delete", "create"): "replace",
        ("create", "delete"): "replace",
        ("forget",): "forget",
    }
    return found.get(actions) or ("import" if imported else None)


def _why(raw: dict[str, Any], verb: Verb) -> str:
    change = raw["change"]
    if verb == "replace" and change.get("replace_paths"):
        return f"{', '.join(_path_change(path, change) for path in change['replace_paths'])} cannot be changed in place"
    if verb in ("replace", "destroy"):
        return _WHY.get(str(raw.get("action_reason", "")), "")
    if verb == "change":
        before, after = change.get("before") or {}, change.get("after") or {}
        unknown = change.get("after_unknown") or {}
        keys = [
            key
            for key in sorted({*before, *after, *unknown})
            if before.get(key) != after.get(key) and (key in after or unknown.get(key))
        ]
        return ", ".join(_path_change([key], change) for key in keys if not unknown.get(key) or key in after)
    return ""


def _path_change(path: list[Any], change: dict[str, Any]) -> str:
    """`name: "a" -> "b"` where both are short plain values that are no secrets; else the name alone."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    if any(_at(path, change.get(side)) not in (None, False, {}, []) for side in ("before_sensitive", "after_sensitive")):  # fmt: skip
        return name
    before, after = _at(path, change.get("before")), _at(path, change.get("after"))
    if after is None and _at(path, change.get("after_unknown")):
        return f"{name}: {_short(before)} -> (known after apply)" if _short(before) else name
    shown = [_short(value) for value in (before, after)]
    return f"{name}: {shown[0]} -> {shown[1]}" if all(shown) else name


def _at(path: list[Any], value: Any) -> Any:
    for part in path:
        if value is True:  # all of it is unknown, or a secret
            return True
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _short(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str) and len(value) <= 60 and "\n" not in value:
        return f'"{value}"'
    return ""
