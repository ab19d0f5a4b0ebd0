"""Asks and tells Google Cloud through gcloud, with what it says when something does not work."""

from __future__ import annotations

from mxdev.infra import failures
from mxdev.system import programs

# gcloud waits for services to be on, which takes minutes.
_LONGEST = 600.0


class Gcloud:
    """gcloud for one cloud project.

    Raises:
        MissingTool: there is no gcloud, or it is too old.
    """

    def __init__(self, project: str) -> None:
        self.project = project
        self._program = programs.find("gcloud")

    def run(self, *arguments: str, missing: str | None = None, timeout: float = _LONGEST) -> str | None:
        """Run gcloud to its end, and return what it printed.

        Args:
            arguments: its arguments, without the project.
            missing: what it says where the thing that it is asked about does not exist; then this returns None.
            timeout: seconds after which it is stopped.

        Raises:
            TerraformFailed: it failed.
            MxError: it could not be started, or hung.
        """
        words = [*self._program.command, *arguments, "--project", self.project]
        result = programs.run(words, env=self._program.tool.environment, capture=True, timeout=timeout)
        if result.code == 0:
            return result.stdout.decode("utf-8", "replace")
        said = result.stderr.decode("utf-8", "replace")
        if missing is not None and missing in said:
            return None
        raise failures.error(f"gcloud {' '.join(arguments[:3])}", [said], code=result.code)
