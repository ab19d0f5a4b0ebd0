"""What can go wrong, each with what to do about it."""

from __future__ import annotations


class SaverError(Exception):
    """Any error of this library; its text says what happened, where, and what to do."""


class NotFound(SaverError):
    """There is no such file, no such version, or nothing matches."""


class Ambiguous(SaverError):
    """Several files match equally well."""


class Damaged(SaverError):
    """What was read is not what was stored."""


class Changed(SaverError):
    """The file has another latest version than the one expected, or changed while it was being read."""


class Untrusted(SaverError):
    """Reading would run code from the bucket, and nobody said that it may."""


class NotVersioned(SaverError):
    """The bucket does not keep versions."""
