"""Git, run in a repository that may be a stranger's, with an environment that may belong to another one."""

from mxdev.system.git.errors import GitError, GitFailed, NoGit, NotOurs
from mxdev.system.git.repository import (
    Repository,
    find,
    initialize,
    literal,
    run_at,
    scratch,
    top,
    tracks,
)
from mxdev.system.git.running import Answer, reach
from mxdev.system.git.settings import as_variables, misleading

__all__ = [
    "Answer", "GitError", "GitFailed", "NoGit", "NotOurs", "Repository", "as_variables", "find", "initialize", "literal",
    "misleading", "reach", "run_at", "scratch", "top", "tracks",
]  # fmt: skip
