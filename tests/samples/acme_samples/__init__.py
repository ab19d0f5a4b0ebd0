"""A small third-party plugin: what the tests of mx generate with."""

from __future__ import annotations

from mxdev import hookimpl, lazy


@hookimpl
def mx_generators() -> list[object]:
    return [
        lazy("acme_samples.base:SampleBase", "Start a sample project."),
        lazy("acme_samples.app:SampleApp", "Add an app to it, as many as you like."),
        lazy("acme_samples.app:SampleClash", "Renders what SampleBase renders."),
        lazy("acme_samples.tool:SampleTool", "One file, anywhere."),
        lazy("acme_samples.exploding:SampleExploding", "Cannot be imported."),
    ]


@hookimpl
def mx_commands() -> list[object]:
    return [lazy("acme_samples.command:hello", "Say hello.", name="hello")]
