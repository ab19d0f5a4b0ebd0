"""The public address of mx's hooks; the code is in `mxdev.plugins.hookspecs`."""

from mxdev.plugins.hookspecs import hookimpl, hookspec

__all__ = ["hookimpl", "hookspec"]
