"""What is asked of whoever brings a model: the six fields of `values.yml`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, fields
from pathlib import Path

from mxdev.errors import UsageProblem

from mxdev_shipyard.model_project.naming import EMAIL, MODEL, URL, repository_of
from mxdev_shipyard.yaml_text import parse


@dataclass(frozen=True)
class Boarding:
    """The six fields, as they stand in the file."""

    project_name: str
    project_slug: str
    project_description: str
    confluence_url: str
    jira_url: str
    author_email: str

    @property
    def repository(self) -> str:
        """The model's repository."""
        return repository_of(self.project_slug)


# GitLab takes 2,000 characters of a description, and the author's address is in it; AWS takes 256 in a tag.
_MOST = {
    "project_name": 200,
    "project_slug": 40,
    "project_description": 1000,
    "confluence_url": 1000,
    "jira_url": 1000,
    "author_email": 254,
}


def read(path: Path) -> Boarding:
    """Read `values.yml`.

    Raises:
        UsageProblem: a field is missing, wrong, or not one of the six; all that is wrong is named.
    """
    try:
        data = parse(path.read_text("utf-8"))
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from error
    names = [field.name for field in fields(Boarding)]
    given = data if isinstance(data, dict) else {}
    wrong = [f"{name} is missing" for name in names if not str(given.get(name) or "").strip()]
    wrong += [
        f"{name} is no line of text"
        if not _is_line(given[name])
        else f"{name} has more than {most} characters"
        for name, most in _MOST.items()
        if given.get(name) and not (_is_line(given[name]) and len(given[name]) <= most)
    ]
    wrong += [f"{name} is no field of it" for name in given if name not in names]
    wrong += [
        f"{name} is {given[name]!r}, and not {form}"
        for name, pattern, form in (
            ("project_slug", MODEL, "2 to 40 lower-case letters, digits and single dashes"),
            ("confluence_url", URL.regex.pattern, URL.form),
            ("jira_url", URL.regex.pattern, URL.form),
            ("author_email", EMAIL.regex.pattern, EMAIL.form),
        )
        if _is_line(given.get(name)) and not re.fullmatch(pattern, given[name])
    ]
    if wrong:
        raise UsageProblem(f"{path}: {'; '.join(wrong)}.", hint=f"Its fields are {', '.join(names)}.")
    return Boarding(**{name: str(given[name]).strip() for name in names})


def _is_line(value: object) -> bool:
    if not isinstance(value, str) or not value:
        return False
    # A tab, a no-break space and what joins an emoji are part of a line; controls and other ends of lines are not.
    return all(one == "\t" or unicodedata.category(one) not in ("Cc", "Zl", "Zp") for one in value.strip())
