"""The public address of what the hook `mx_check_plan` sees; the code is in `mxdev.plugins.checked_plan`."""

from mxdev.plugins.checked_plan import CheckedChange, CheckedPlan

__all__ = ["CheckedChange", "CheckedPlan"]
