"""Where a template comes from: a folder, or a repository at a commit."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mxdev.errors import MxError, UsageProblem
from mxdev.generator.generator import Freshness
from mxdev_generators.template.git import Mirror, is_commit, without_password

# As Copier reads addresses (https://copier.readthedocs.io/en/stable/generating/), so that what works there works here.
_ALIASES = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
_GIT = ("git@", "git://", "git+", "https://github.com/", "https://gitlab.com/")


@dataclass(frozen=True)
class Template:
    """One version of a template.

    Attributes:
        source: the address as it is recorded: as typed, a local folder absolute.
        ref: the tag, branch or hash that was asked for; "" for the newest release.
        commit: the full hash; "" for a folder that is not a repository.
        mirror: its repository's copy; None for a folder.
        directory: the folder of it that the template is in; "" for its root.
        release: the tag that was found to be the newest release; "" if none was looked for, or there is none.
    """

    source: str
    ref: str = ""
    commit: str = ""
    mirror: Mirror | None = field(default=None, compare=False)
    directory: str = ""
    release: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        """What messages call it."""
        name = without_password(self.source)
        name = f"{name} ({self.directory})" if self.directory else name
        return f"{name} at {self.ref or self.release or self.commit[:10]}" if self.commit else name

    @property
    def identity(self) -> str:
        """What is trusted: the commit, or a hash of all files where there is none.

        Raises:
            MxError: a file cannot be read.
        """
        if self.commit:
            return self.commit
        digest = hashlib.sha256()
        for path in self.files():
            place = Path(self.source, self.directory, path)
            try:
                data = os.fsencode(place.readlink()) if place.is_symlink() else place.read_bytes()
            except OSError as error:
                raise MxError(f"{place} cannot be read: {error.strerror}") from error
            for part in (os.fsencode(path), data):
                digest.update(hashlib.sha256(part).digest())
        return f"files:{digest.hexdigest()}"

    def files(self) -> list[str]:
        """The paths of its files, relative to the folder that it is in."""
        if self.mirror is not None:
            head = f"{self.directory}/" if self.directory else ""
            paths = self.mirror.files(self.commit)
            return [path.removeprefix(head) for path in paths if path.startswith(head)]
        root = Path(self.source, self.directory)
        return sorted(
            "/".join((Path(folder) / name).relative_to(root).parts)
            for folder, _, names in os.walk(root)
            for name in names
        )

    def read(self, path: str) -> str:
        """The text of one of its files.

        Raises:
            MxError: it cannot be read, or is not below the template.
        """
        if self.mirror is not None:
            return self.mirror.read(self.commit, os.path.join(self.directory, path))  # noqa: PTH118
        root = Path(self.source).resolve()
        place = (root / self.directory / path).resolve()
        if not place.is_relative_to(root):
            raise MxError(f"{path} leads out of the template {self.source}.")
        try:
            return place.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise MxError(f"{path} of the template {self.source} cannot be read: {error}") from error

    def matching(self, pattern: str) -> Iterable[str]:
        """The paths that a glob pattern matches."""
        glob = re.compile(_glob(pattern))
        return (path for path in self.files() if glob.fullmatch(path))


def _glob(pattern: str) -> str:
    """A pattern of pathlib's `glob` as a regular expression."""
    translated = []
    for part in re.split(r"(\*\*/|\*|\?)", pattern.removeprefix("./")):
        known = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
        translated.append(known.get(part, re.escape(part)))
    return "".join(translated)


def repository(source: str) -> str | None:
    """What `git clone` understands for an address; None for a folder that is not a repository's root."""
    folder = Path(source).expanduser()
    if folder.exists():
        bare = all((folder / name).exists() for name in ("HEAD", "objects", "refs"))
        return (
            os.fspath(folder.absolute()) if bare or folder.is_file() or (folder / ".git").exists() else None
        )
    for alias, site in _ALIASES.items():
        if source.startswith(alias):
            return f"{site}{source.removeprefix(alias).lstrip('/').removesuffix('.git')}.git"
    if source.startswith("git+"):
        return source.removeprefix("git+")
    if source.startswith(_GIT) or source.endswith(".git"):
        at_home = source.startswith(("https://github.com/", "https://gitlab.com/"))
        return f"{source}.git" if at_home and not source.endswith(".git") else source
    return None


def recorded(source: str) -> str:
    """The address as it is recorded: what names a place on this machine does so from every folder."""
    if repository(source) is None or Path(source).expanduser().exists():
        return os.path.normpath(Path(source).expanduser().absolute())
    return source


def name_of(source: str) -> str:
    """A name for an instance, made from an address: `gh:acme/api-template.git` gives `api-template`."""
    last = PurePosixPath(re.split(r"[:\\]", recorded(source))[-1]).name
    return (
        re.sub(r"[^A-Za-z0-9_-]+", "-", last.removesuffix(".git").removesuffix(".bundle")).strip("-")
        or "template"
    )


def resolve(source: str, ref: str, freshness: Freshness, last: str = "") -> Template:
    """Find the version of a template to render.

    Args:
        source: a folder, or a repository's address.
        ref: a tag, a branch, a hash; "" for the newest release.
        freshness: "newest" asks the repository, "known" takes the newest that is in the cache, "recorded" the same as
            last time. The last two need a network only when the cache does not have what was rendered last.
        last: the commit that was rendered last; "" for none.

    Raises:
        MxError: there is no such template or version, or it cannot be fetched.
        UsageProblem: there is a password in the address.
    """
    if re.search(r"://[^/@:]*:[^/@]*@", source):
        raise UsageProblem(
            f"There is a password in the address of {without_password(source)}, and addresses are recorded.",
            hint="Leave it out: Git asks its credential helper (`git help credentials`).",
        )
    url = repository(source)
    place = recorded(source)
    if url is None and last and not Path(place).exists() and Mirror(place).there:
        url = place  # a repository that is gone; what is kept of it is good for much
    if url is None:
        if not Path(place).is_dir():
            raise MxError(
                f"{source} is not a folder, and no address of a Git repository.",
                hint="Addresses are `gh:owner/name`, `gl:owner/name`, `git+https://...`, or end in `.git`.",
            )
        if ref:
            raise MxError(
                f"{source} is a folder and no repository, so it has no {ref}.", hint="Leave out --ref."
            )
        return Template(place)
    mirror = Mirror(url)
    if freshness == "recorded" and last:
        if mirror.commit(last) is None:
            mirror.fetch()
        return Template(place, ref, _known(mirror, last), mirror)
    have = mirror.there and (not last or mirror.commit(last) is not None)
    # A hash never means anything else, so that one which is here needs no network.
    fixed = is_commit(ref) and mirror.commit(ref) is not None
    if not have or (freshness == "newest" and not fixed) or (ref and mirror.commit(ref) is None):
        mirror.fetch()
    release = "" if ref else mirror.newest()
    commit = _known(mirror, ref or release)
    return Template(place, ref, commit, mirror, release=release if release != "HEAD" else "")


def _known(mirror: Mirror, ref: str) -> str:
    commit = mirror.commit(ref)
    if commit is None:
        raise MxError(
            f"The template {without_password(mirror.url)} has no {ref}.",
            hint="`--ref` takes one of its tags or branches, or a commit's hash."
            if ref != "HEAD"
            else "The repository is empty.",
        )
    return commit
