"""Git repositories with templates: a mirror of each in the user's cache, from which every commit is read without a network."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system.user_dirs import cache_folder

_fetched: set[str] = set()
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def forget() -> None:
    """Forget what was fetched in this process (for tests that change a repository)."""
    _fetched.clear()


def run(*arguments: str, where: Path | None = None) -> str:
    """Run Git; its output.

    Raises:
        MxError: Git is not installed, or it failed; the message is Git's.
    """
    # No repository that mx happens to be called in (a hook sets GIT_DIR) may be meant, and nobody is asked for a password
    # by a command that mx runs: what a credential helper knows is used.
    environment = {key: value for key, value in os.environ.items() if key not in _OF_A_REPOSITORY}
    environment |= {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", *(["--git-dir", os.fspath(where)] if where else []), *arguments]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, check=False, text=True,
                              stdin=subprocess.DEVNULL, errors="replace")  # fmt: skip
    except OSError as error:
        raise MxError(
            "Git is not installed, and a template in a repository needs it.", hint="Install Git."
        ) from error
    if done.returncode:
        verb = next(
            word
            for word in arguments[2 if arguments[0] == "-C" else 0 :]
            if word[0] != "-" and "=" not in word
        )
        raise MxError(f"`git {verb}` failed: {without_password(done.stderr.strip())}")
    return done.stdout


_OF_A_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")


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
                    run("fetch", "--quiet", "--prune", "--force", "--end-of-options", self.url,
                        "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", where=self.folder)  # fmt: skip
                    self._note_default_branch()
                else:
                    self._clone()
            except MxError as error:
                raise MxError(
                    f"The template {without_password(self.url)} cannot be fetched: {error.message}",
                    hint="Check the address and your access to it, and try again when you are online.",
                ) from error
        _fetched.add(self.url)

    def _clone(self) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as staging:
            run("clone", "--quiet", "--mirror", "--end-of-options", self.url, f"{staging}/new")
            shutil.rmtree(self.folder, ignore_errors=True)
            (Path(staging) / "new").rename(self.folder)

    def _note_default_branch(self) -> None:
        """The branch that HEAD means, which a fetch does not bring."""
        listed = run("ls-remote", "--symref", "--end-of-options", self.url, "HEAD")
        if found := re.match(r"ref: (refs/heads/\S+)\tHEAD", listed):
            run("symbolic-ref", "HEAD", found[1], where=self.folder)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock

        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MxError(
                f"Templates are kept in {self.folder.parent}, which cannot be made: {error.strerror}",
                hint="Set MX_CACHE_DIR to a folder that you may write.",
            ) from error
        with FileLock(f"{self.folder}.lock"):
            yield

    def commit(self, ref: str) -> str | None:
        """The full hash of the commit that a tag, a branch or a hash means; None if the copy has none."""
        if not self.there:
            return None
        for name in (f"refs/tags/{ref}", f"refs/heads/{ref}", ref):
            with contextlib.suppress(MxError):
                wanted = f"{name}^{{commit}}"
                return run(
                    "rev-parse", "--quiet", "--verify", "--end-of-options", wanted, where=self.folder
                ).strip()
        return None

    def newest(self) -> str:
        """The newest release, as Copier sees it: the latest tag that is a version (PEP 440), or HEAD where there is none."""
        from packaging.version import InvalidVersion, Version

        releases = []
        for tag in run("tag", "--list", where=self.folder).split():
            with contextlib.suppress(InvalidVersion):
                version = Version(tag)
                if not version.is_prerelease:
                    releases.append((version, tag))
        return max(releases)[1] if releases else "HEAD"

    def files(self, commit: str) -> list[str]:
        """The paths of all files at a commit."""
        return run("ls-tree", "-r", "-z", "--name-only", commit, where=self.folder).split("\0")[:-1]

    def read(self, commit: str, path: str) -> str:
        """A file's text at a commit."""
        return run("cat-file", "blob", f"{commit}:{path}", where=self.folder)

    def check_out(self, commit: str, folder: Path) -> None:
        """Write the files of a commit into a folder, which must not exist yet."""
        run("clone", "--quiet", "--no-checkout", os.fspath(self.folder), os.fspath(folder))
        run("-C", os.fspath(folder), "checkout", "--quiet", "--force", "--detach", commit)


def is_commit(ref: str) -> bool:
    """Whether `ref` is a full hash."""
    return bool(_SHA.fullmatch(ref))
