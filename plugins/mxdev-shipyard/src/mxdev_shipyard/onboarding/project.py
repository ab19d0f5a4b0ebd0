"""The model's project in GitLab, and its first commit."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxdev import State, Step
from mxdev.errors import MxError, Refused

from mxdev_shipyard.onboarding import git
from mxdev_shipyard.onboarding.server import refusal, server
from mxdev_shipyard.onboarding.settings import Settings
from mxdev_shipyard.onboarding.values import Boarding


def found(settings: Settings, name: str) -> Any:
    """The project of that name; None if there is none.

    Raises:
        MxError: GitLab cannot be asked.
    """
    import gitlab
    import requests

    wanted = f"{settings.group}/{name}"
    try:
        project = server(settings.gitlab).projects.get(wanted)
    except gitlab.GitlabGetError as error:
        if error.response_code == 404:
            return None
        raise refusal(settings, error) from error
    except (gitlab.GitlabError, requests.RequestException) as error:
        raise refusal(settings, error) from error
    known = project.attributes
    if not all(
        isinstance(known.get(key), str) for key in ("path_with_namespace", "web_url", "http_url_to_repo")
    ):
        raise MxError(
            f"GitLab at {settings.gitlab} is asked for {wanted}, and answers with something else than a project.",
            hint="Look at gitlab in shipyard.yaml.",
        )
    if known["path_with_namespace"].lower() != wanted.lower():  # GitLab leads from an old name to the new one
        raise Refused(
            f"{wanted} is called {known['path_with_namespace']} now.",
            hint="Choose another project_slug, or give it its old name again in GitLab.",
        )
    return project


@dataclass(frozen=True, kw_only=True)
class Project(Step):
    """The project, in the group of all models."""

    settings: Settings
    boarding: Boarding
    permissions: tuple[str, ...] = ("GitLab: Maintainer of the group",)

    @property
    def description(self) -> str:
        """What GitLab shows; the author in it says whose it is."""
        return f"{self.boarding.project_description} (onboarded for {self.boarding.author_email})"

    def look(self) -> State:
        """Whether it is there, and this author's."""
        project = found(self.settings, self.boarding.repository)
        if project is None:
            return State.create(f"{self.settings.group}/{self.boarding.repository}")
        if self._is_leaving(project):
            return State.blocked(
                f"{self.settings.group}/{self.boarding.repository} is marked for deletion.",
                "Restore it in GitLab, or wait until it is deleted.",
            )
        if self._author(project) != self.boarding.author_email:
            return State.blocked(
                f"{self.settings.group}/{self.boarding.repository} exists already, for somebody else.",
                "Choose another project_slug.",
            )
        if project.attributes.get("archived"):
            return State.blocked(
                "it was retired, and is archived", "Unarchive it in GitLab, then run `mx onboard` again."
            )
        return State.done(project.web_url)

    def do(self, say: Any) -> None:
        """Make it, empty; one that another run has just made is looked at again."""
        import gitlab
        import requests

        gitlab_ = server(self.settings.gitlab)
        try:
            gitlab_.projects.create(
                {
                    "name": self.boarding.repository,
                    "path": self.boarding.repository,
                    "namespace_id": gitlab_.groups.get(self.settings.group).id,
                    "description": self.description,
                    "visibility": "private",
                    "default_branch": "main",
                }
            )
        except (gitlab.GitlabError, requests.RequestException) as error:
            if found(self.settings, self.boarding.repository) is None:
                raise refusal(self.settings, error) from error
            say("another run has just made it")

    def look_back(self) -> State:
        """It is archived, which loses nothing."""
        project = found(self.settings, self.boarding.repository)
        if project is None or project.attributes.get("archived"):
            return State.done("archived" if project else "not there")
        if self._is_leaving(project):
            return State.done("marked for deletion")
        # Whose description was edited since, and names nobody any more, is retired by whoever has its file.
        if self._author(project) not in (None, self.boarding.author_email):
            return State.blocked(
                f"{self.settings.group}/{self.boarding.repository} is somebody else's.",
                "Name the file that it was onboarded with.",
            )
        return State.remove("it is archived; nothing in it is lost")

    def take_back(self, say: Any) -> None:
        """Archive it."""
        import gitlab
        import requests

        try:
            found(self.settings, self.boarding.repository).archive()
        except (gitlab.GitlabError, requests.RequestException) as error:
            raise refusal(self.settings, error) from error

    def _author(self, project: Any) -> str | None:
        """The last author that its description names; what a person wrote may look like one. None: it names nobody."""
        authors = re.findall(r"\(onboarded for ([^()\s]+)\)", project.attributes.get("description") or "")
        return authors[-1] if authors else None

    def _is_leaving(self, project: Any) -> bool:
        known = project.attributes
        return bool(known.get("marked_for_deletion_at") or known.get("marked_for_deletion_on"))


@dataclass(frozen=True, kw_only=True)
class Seed(Step):
    """The first commit: what `mx generate ModelProject` renders."""

    settings: Settings
    boarding: Boarding
    permissions: tuple[str, ...] = ("GitLab: push to the project",)

    def _address(self) -> str:
        project = found(self.settings, self.boarding.repository)
        if project is None:
            raise MxError(f"GitLab has no project {self.boarding.repository}.")
        return str(project.http_url_to_repo)

    def look(self) -> State:
        """Whether the project has a first commit, whosever it is."""
        return (
            State.done("it has commits")
            if git.has_main(self._address())
            else State.create("one commit on main")
        )

    def do(self, say: Any) -> None:
        """Render, check against the standards, commit, push: all of it or nothing."""
        address, name = self._address(), self.boarding.repository
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / name
            self._mx("generate", "ModelProject", name, *self._options(), cwd=Path(folder))
            git.run("init", "-q", cwd=root)
            git.run("add", "--all", cwd=root)
            say("checking the standards")
            self._mx("check", cwd=root)
            git.run("commit", "-q", "-m", f"{name}, as onboarded", cwd=root)
            try:
                git.run("push", "-q", address, "HEAD:refs/heads/main", cwd=root)
            except MxError as error:
                if not git.has_main(address):
                    raise git.refused(address, error) from error
                say("another run has just pushed it")

    def _options(self) -> list[str]:
        values, settings = self.boarding, self.settings
        given = {
            "description": f"{values.project_name}: {values.project_description}",
            "wiki-url": values.confluence_url,
            "tracker-url": values.jira_url,
            "author-email": values.author_email,
            "bucket": settings.bucket,
            "registry": settings.registry,
            "group": settings.group,
            "pipelines": settings.pipelines,
            "gitlab": settings.gitlab,
        }
        if settings.domain:
            given["domain"] = settings.domain
        return ["--no-input", "--skip-git", *(f"--{name}={value}" for name, value in given.items())]

    def _mx(self, *arguments: str, cwd: Path) -> None:
        command = [sys.executable, "-m", "mxdev", *arguments]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MxError(
                f"`mx {arguments[0]}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}"
            )
