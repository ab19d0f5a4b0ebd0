"""What `mx data` and `mx labels` announce, by the hook of any plugin."""

from __future__ import annotations

from mxdev.plugins.hookspecs import hookimpl
from mxdev.plugins.model import Lazy, lazy


@hookimpl
def mx_commands() -> list[Lazy]:
    """`mx data` and `mx labels`."""
    return [
        lazy("mxdev.data.command:data", "Files of the data bucket: upload, list, download."),
        lazy("mxdev.data.labels_command:labels", "Have images labelled in CVAT, and export the labels."),
    ]
