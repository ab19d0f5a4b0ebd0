"""The version of mx."""

__version__ = "0.1.0"
