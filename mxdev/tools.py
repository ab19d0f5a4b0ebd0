"""The public address of external programs, for rules of `mx lint`; the code is in `mxdev.system.programs`."""

from mxdev.system.programs import MissingTool, Program, Result, Tool

__all__ = ["MissingTool", "Program", "Result", "Tool"]
