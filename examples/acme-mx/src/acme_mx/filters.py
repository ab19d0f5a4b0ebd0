"""Template filters."""

from __future__ import annotations


def ticket(number: str) -> str:
    """The address of a ticket: `{{ approval | ticket | md }}`."""
    return f"https://tickets.acme.example/{number.strip().lstrip('#')}"
