"""Git repositories with templates: a mirror of each in the user's cache, from which every commit is read without a network."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system import git
from mxdev.system.files import private
from mxdev.system.user_dirs import cache_folder

_fetched: set[str] = set()
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def forget() -> None:
    """Forget what was fetched in this process (for tests that change a repository)."""
    _fetched.clear()


def without_password(url: str) -> str:
    """The URL as messages may show it."""
    return re.sub(r"(?<=://)[^/@]+@", "", url)


class Mirror:
    """The local copy of a template's repository.

    Args:
        url: what `git clone` understands.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        name = hashlib.sha256(without_password(url).encode()).hexdigest()[:24]
        self.folder = cache_folder() / "templates" / f"{name}.git"

    @property
    def there(self) -> bool:
        """Whether there is a copy at all."""
        return (self.folder / "HEAD").is_file()

    def fetch(self) -> None:
        """Bring the copy up to date; once in a process.

        Raises:
            MxError: the repository cannot be reached.
        """
        if self.url in _fetched:
            return
        with self._locked():
            try:
                if self.there:
                    self._reach(
                        f"--git-dir={self.folder}", "fetch", "--quiet", "--prune", "--force", "--end-of-options", self.url,
                        "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*",
                    )  # fmt: skip
                    self._note_default_branch()
                else:
                    self._clone()
            except MxError as error:
                raise MxError(
                    f"The template {without_password(self.url)} cannot be fetched: {error.message}",
                    hint=error.hint
                    or "Check the address and your access to it, and try again when you are online.",
                ) from error
        _fetched.add(self.url)

    def _clone(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as staging:
            self._reach("clone", "--quiet", "--mirror", "--end-of-options", self.url, f"{staging}/new")
            shutil.rmtree(self.folder, ignore_errors=True)
            (Path(staging) / "new").rename(self.folder)

    def _note_default_branch(self) -> None:
        """The branch that HEAD means, which a fetch does not bring."""
        listed = self._reach("ls-remote", "--symref", "--end-of-options", self.url, "HEAD")
        if found := re.match(r"ref: (refs/heads/\S+)\tHEAD", listed):
            self._ask("symbolic-ref", "HEAD", found[1])

    def _reach(self, *arguments: str) -> str:
        """What Git says after it talked to a server.

        Raises:
            MxError: Git is missing, or failed; the message is Git's, without a password.
        """
        try:
            return git.reach(self.folder.parent, *arguments).decode("utf-8", "replace")
        except git.GitError as error:
            raise MxError(without_password(error.message), hint=error.hint) from error

    def _ask(self, *arguments: str) -> str:
        """What Git says of the copy.

        Raises:
            GitError: Git is missing, or failed.
        """
        return git.run_at(self.folder, *arguments).decode("utf-8", "replace")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock

        try:
            private.make_folder(self.folder.parent)
        except OSError as error:
            raise MxError(
                f"Templates are kept in {self.folder.parent}, which cannot be used: {error.strerror}",
                hint="Set MX_CACHE_DIR to a folder that you may write.",
            ) from error
        with FileLock(f"{self.folder}.lock"):
            yield

    def commit(self, ref: str) -> str | None:
        """The full hash of the commit that a tag, a branch or a hash means; None if the copy has none."""
        if not self.there:
            return None
        for name in (f"refs/tags/{ref}", f"refs/heads/{ref}", ref):
            with contextlib.suppress(git.GitFailed):
                wanted = f"{name}^{{commit}}"
                return self._ask("rev-parse", "--quiet", "--verify", "--end-of-options", wanted).strip()
        return None

    def newest(self) -> str:
        """The newest release, as Copier sees it: the latest tag that is a version (PEP 440), or HEAD where there is none."""
        from packaging.version import InvalidVersion, Version

        releases = []
        for tag in self._ask("tag", "--list").split():
            with contextlib.suppress(InvalidVersion):
                version = Version(tag)
                if not version.is_prerelease:
                    releases.append((version, tag))
        return max(releases)[1] if releases else "HEAD"

    def files(self, commit: str) -> list[str]:
        """The paths of all files at a commit."""
        return self._ask("ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]

    def read(self, commit: str, path: str) -> str:
        """A file's text at a commit."""
        return self._ask("cat-file", "blob", f"{commit}:{path}").replace("\r\n", "\n")

    def check_out(self, commit: str, folder: Path) -> None:
        """Write the files of a commit into a folder, which must not exist yet."""
        self._reach("clone", "--quiet", "--no-checkout", os.fspath(self.folder), os.fspath(folder))
        made = git.find(folder)
        if made is None:
            raise MxError(f"Git made no repository in {folder}.", hint="Try again.")
        made.ask("checkout", "--quiet", "--force", "--detach", commit)


def is_commit(ref: str) -> bool:
    """Whether `ref` is a full hash."""
    return bool(_SHA.fullmatch(ref))
