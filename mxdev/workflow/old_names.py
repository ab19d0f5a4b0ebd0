"""Names that a project has had for long and that rules of today refuse to a new one: they stay, and are told."""

from __future__ import annotations

from collections.abc import Iterator

import click

from mxdev.errors import MxError
from mxdev.generator.options import Option
from mxdev.project.project import Project
from mxdev.project.records import Record
from mxdev.workflow.render import recorded_class
from mxdev.workflow.values import Sources


def refused(project: Project, record: Record) -> Iterator[str]:
    """What is wrong with the names of an instance, a sentence each, with what a person can do.

    Nothing where its generator cannot be loaded, which is told elsewhere.
    """
    try:
        cls = recorded_class(record, Sources(environment={}))
    except MxError:
        return
    for option in cls.declared():
        have = project.options if option.shared else record.options
        value = next((have[name] for name in option.names if name in have), None)
        if not option.positional or value is None:
            continue
        try:
            problem = _problem(option, value)
        except MxError as error:  # an update does not ask for it, so nothing stands still
            yield f"{error.message}. {error.hint}"
            continue
        if problem:
            way = (
                "a new project under another name is free of it"
                if option.shared
                else f"generate it under another name, then `mx destroy {record.name}`"
            )
            yield f"{option.spelling}: {problem.rstrip('.')}. It was accepted once and stays; {way}."


def _problem(option: Option, value: object) -> str:
    """Why a new one could not be called so; "" if it could, or where the value has not even the form, which stops an update.

    Raises:
        MxError: the code that says so failed.
    """
    try:
        option.convert(value, recorded=True)
    except click.BadParameter:
        return ""
    try:
        option.convert(value)
    except click.BadParameter as error:
        return error.message
    return ""
