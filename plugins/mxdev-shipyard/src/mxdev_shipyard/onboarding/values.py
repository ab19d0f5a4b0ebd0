"""What is asked of whoever brings a model: the six fields of `values.yml`."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from mxdev.errors import UsageProblem

from mxdev_shipyard.model_project.naming import EMAIL, MODEL, URL, repository_of


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


def read(path: Path) -> Boarding:
    """Read `values.yml`.

    Raises:
        UsageProblem: a field is missing, wrong, or not one of the six; all that is wrong is named.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError) as error:
        raise UsageProblem(f"{path} cannot be read: {error}") from error
    names = [field.name for field in fields(Boarding)]
    given = data if isinstance(data, dict) else {}
    wrong = [f"{name} is missing" for name in names if not str(given.get(name) or "").strip()]
    wrong += [f"{name} is no field of it" for name in given if name not in names]
    wrong += [
        f"{name} is {given[name]!r}, and not {form}"
        for name, pattern, form in (
            ("project_slug", MODEL, "2 to 40 lower-case letters, digits and single dashes"),
            ("confluence_url", URL.regex.pattern, URL.form),
            ("jira_url", URL.regex.pattern, URL.form),
            ("author_email", EMAIL.regex.pattern, EMAIL.form),
        )
        if given.get(name) and not re.fullmatch(pattern, str(given[name]))
    ]
    if wrong:
        raise UsageProblem(f"{path}: {'; '.join(wrong)}.", hint=f"Its fields are {', '.join(names)}.")
    return Boarding(**{name: str(given[name]).strip() for name in names})
