"""The lock of Terraform's state: who holds it, and since when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_FIELD = re.compile(r"^\s*(ID|Path|Operation|Who|Version|Created|Info):[ \t]*(.*?)\s*$", re.MULTILINE)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.\d+)?(?: \+0000 UTC|Z)")
_OPERATIONS = {
    "OperationTypeApply": "apply",
    "OperationTypePlan": "plan",
    "OperationTypeRefresh": "refresh",
}


@dataclass(frozen=True)
class Lock:
    """A lock as Terraform tells of it.

    Attributes:
        id: what `terraform force-unlock` wants.
        who: user and machine.
        operation: what is being done, such as "apply".
        created: when it was taken; None where that could not be read.
        path: the state that is locked.
    """

    id: str
    who: str
    operation: str
    created: datetime | None
    path: str = ""

    def sentence(self, now: datetime | None = None) -> str:
        """Who holds it, since when, for what."""
        since = ""
        if self.created is not None:
            since = f", since {self.created:%Y-%m-%d %H:%M} UTC ({_ago((now or datetime.now(UTC)) - self.created)} ago)"
        return (
            f"{self.who or 'somebody'} holds it for {self.operation or 'something'}{since} (lock {self.id})."
        )

    def remedy(self) -> str:
        """What to do about it."""
        return f"Wait until they are done, or ask them. Only if what took it is dead for certain: `mx infra unlock {self.id}`."


def parse(text: str) -> Lock | None:
    """The lock in what Terraform said; None if there is none."""
    if "Lock Info:" not in text:
        return None
    fields: dict[str, str] = dict(_FIELD.findall(text.partition("Lock Info:")[2]))
    if not fields.get("ID"):
        return None
    operation = fields.get("Operation", "")
    found = _TIME.search(fields.get("Created", ""))
    created = datetime.fromisoformat(f"{found[1]}T{found[2]}+00:00") if found else None
    return Lock(
        fields["ID"],
        fields.get("Who", ""),
        _OPERATIONS.get(operation) or operation,
        created,
        fields.get("Path", ""),
    )


def _ago(time: timedelta) -> str:
    seconds = max(0, int(time.total_seconds()))
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
