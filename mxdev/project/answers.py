"""Answers of `mx.yaml` that stand in other files too (`terraform.tfvars`), and that a person changed there only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mxdev.project import tfvars
from mxdev.project.project import Project


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
    answered: dict[str, str] = {}
    known: set[str] = set()
    for record in project.instances.values():
        for path, file in record.files.items():
            if not path.endswith(".tfvars"):
                continue
            place = file.moved or path
            known.add(place)
            if Path(path).parent == Path(tfvars.FOLDER):
                pristine = tfvars.parsed(project.pristine(record.name, path) or b"")
                answered |= {name: value.text for name, value in pristine if value.text is not None}
            now, then = project.read(place), project.pristine(record.name, path)
            if now is None or then is None or now == then:
                continue
            rendered = {name: value.text for name, value in tfvars.parsed(then)}
            for name, value in tfvars.parsed(now):
                option, before = name.replace("_", "-"), rendered.get(name)
                if option not in project.options or None in (before, value.text) or before == value.text:
                    continue
                yield Strayed(place, value.line, option, name, str(value.text), str(before))
    # A file of a person's own may say it over again, and Terraform heeds that one; what a shell says is no part of the project.
    for name, value in tfvars.told(project.root).items():
        option, before = name.replace("_", "-"), answered.get(name, value.text)
        if (
            option in project.options
            and value.line
            and value.place not in known
            and value.text not in (None, before)
        ):
            yield Strayed(value.place, value.line, option, name, str(value.text), str(before))
