"""Answers of `mx.yaml` that stand in other files too (`terraform.tfvars`), and that a person changed there only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mxdev.project.project import Project

_ASSIGNMENT = re.compile(r'^[ \t]*([A-Za-z_]\w*)[ \t]*=[ \t]*"([^"\\$%]*)"', re.MULTILINE)


@dataclass(frozen=True)
class Strayed:
    """An answer that is not the project's any more.

    Attributes:
        path: the file.
        line: from 1.
        option: the option of `mx.yaml`.
        name: what it is called in the file.
        here: its value in the file.
        rendered: the value that mx rendered from the option.
    """

    path: str
    line: int
    option: str
    name: str
    here: str
    rendered: str

    @property
    def message(self) -> str:
        """What is wrong and what to do, in one sentence."""
        return (
            f'{self.name} is "{self.here}" here only: mx.yaml and what else is rendered from it have "{self.rendered}"; '
            f"`mx set {self.option}={self.here}` changes all of them, or put it back"
        )


def strayed(project: Project) -> Iterator[Strayed]:
    """The answers in `.tfvars` files that differ from the project's.

    Raises:
        MxError: a file cannot be read.
    """
    for record in project.instances.values():
        for path, file in record.files.items():
            if not path.endswith(".tfvars"):
                continue
            place = file.moved or path
            now, then = project.read(place), project.pristine(record.name, path)
            if now is None or then is None or now == then:
                continue
            rendered = {name: value for name, value, _ in assigned(then)}
            for name, value, line in assigned(now):
                option = name.replace("_", "-")
                if option in project.options and name in rendered and rendered[name] != value:
                    yield Strayed(place, line, option, name, value, rendered[name])


def assigned(data: bytes) -> Iterator[tuple[str, str, int]]:
    """The texts that lines of HCL assign (`name = "text"`), without those that Terraform computes: name, text, line from 1."""
    text = data.decode("utf-8", "replace")
    for found in _ASSIGNMENT.finditer(text):
        yield found[1], found[2], text.count("\n", 0, found.start(1)) + 1
