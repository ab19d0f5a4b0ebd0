"""What makes a run repeatable: the code it ran and the versions it ran with.

What is not committed is recorded as a diff that `git apply` brings back, byte for byte. Git works on a copy of the repository's index,
and with settings of its own, so that nothing of the repository changes and nobody's settings change the diff. What is too large, no
code, or looks like a secret is left out and named.
"""

import io
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

# Of one changed file, and of all of them together, in bytes.
MOST_OF_A_FILE = 1_000_000
MOST = 10_000_000
# So many files that were left out are named one by one.
MOST_NAMED = 20

# New files that count as code; files that Git knows count whatever they are.
_CODE = re.compile(
    r"\.(py|pyi|pyx|pxd|c|cc|cpp|cu|cuh|h|hpp|rs|go|sh|ya?ml|toml|cfg|ini|md|rst|sql|ipynb|jinja2?|j2|proto|tf|hcl)$"
    r"|(^|/)(MLproject|Makefile|Dockerfile[^/]*|requirements[^/]*\.(txt|lock|in)|py\.typed|\.\w+(ignore|attributes|config))$"
)
_SECRET_NAME = re.compile(
    r"(^|/)(\.env[^/]*|\.netrc|\.npmrc|\.pypirc|\.htpasswd|id_(rsa|dsa|ecdsa|ed25519)[^/]*|kubeconfig[^/]*"
    r"|[^/]*(secret|credential|service[-_]?account|password|api[-_]?key)[^/]*\.(json|ya?ml|toml|ini|cfg|txt|env|tfvars)"
    r"|[^/]*\.(pem|key|p12|pfx|jks|keystore|kdbx|asc|gpg))$",
    re.IGNORECASE,
)
_SECRET = re.compile(
    rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY"
    rb"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    rb"|\bgh[opsur]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{22}|\bgl(pat|dt|rt|ptt)-[A-Za-z0-9_-]{20}"
    rb"|\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20}|\bhf_[A-Za-z0-9]{30}|\bsk-[A-Za-z0-9_-]{20}"
    rb"|\bGOCSPX-[A-Za-z0-9_-]{20}|\b[rs]k_live_[A-Za-z0-9]{16}|\bdapi[0-9a-f]{32}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16}"
    rb"|\bxox[abprs]-[A-Za-z0-9-]{10}|\bnpm_[A-Za-z0-9]{36}|\bpypi-AgEIcHlwaS|\bdckr_pat_[A-Za-z0-9_-]{20}"
    rb"|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}|AccountKey=[A-Za-z0-9+/=]{40}"
    rb"|[a-z]://[^\s:/@$<>{}\"']+:[^\s:/@$<>{}\"']{6,}@"
    rb"|(?i:password|passwd|secret|token|api_?key|access_?key)[\w-]*[\"']?\s*[:=]\s*[\"']"
    rb"(?=[^\"'\n]*[0-9])(?=[^\"'\n]*[A-Za-z])[A-Za-z0-9/+_.=-]{16,}[\"']"
    rb"|(?i:password|passwd)[\w-]*[\"']?\s*[:=]\s*[\"'](?=[^\"'\n]*[0-9])(?=[^\"'\n]*[A-Za-z])[^\s\"'$<>{}]{8,}[\"']"
    # Without quotes it may be a path or a name: token_path: data/tokens/v2, tokenizer: google/bert_v2.
    rb"|(?i:password|passwd|secret|token|api_?key|access_?key)(?i:[_-]?(?:access|key|value|secret|token|base))*\s*[:=]\s*"
    rb"(?=[A-Za-z/+_=-]*[0-9])(?=[0-9/+_=-]*[A-Za-z])(?:[A-Za-z0-9+_=-]{20,}|[A-Za-z0-9/+]{40}=*)(?=\s|$)"
)

# Plumbing reads few of a person's settings. These are the rest: no colour, no program for the diff, names that `git apply`
# understands, and no hook and no file monitor.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "core.safecrlf=false",
    "diff.suppressBlankEmpty=false",
    "submodule.recurse=false",
)
_DIFF = (
    *("--patch", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--no-renames", "--no-relative", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3"),
    *("--inter-hunk-context=0", "--diff-algorithm=myers", "--indent-heuristic"),
)


@dataclass(frozen=True)
class Code:
    """The state of the repository.

    Attributes:
        commit: the commit's hash; "none" before the first commit and outside Git.
        diff: what is not committed, new files included; `git apply` brings it back.
        left_out: what is not committed and not in the diff either, each with the reason.
        problem: why Git could not tell what is not committed, in its own words; empty: it could, and the diff is true.
    """

    commit: str
    diff: bytes = b""
    left_out: tuple[str, ...] = ()
    problem: str = ""


class GitError(Exception):
    """Git failed, or is not there."""


class _File(NamedTuple):
    """A file that is not as it was committed.

    Attributes:
        name: its path from the top of the repository.
        size: of what a diff of it holds, in bytes.
        before: the id of its content as it was committed; empty: it was not.
    """

    name: bytes
    size: int
    before: bytes = b""


def project_root() -> Path:
    """The folder with the `MLproject` file: where this package was installed from, else around the current folder."""
    here = Path.cwd()
    for folder in (Path(__file__).resolve().parents[2], here, *here.parents):
        if (folder / "MLproject").is_file():
            return folder
    return here


def versions() -> list[str]:
    """Every installed distribution, as lines of a requirements file."""
    pins = {f"{item.name}=={item.version}" for item in metadata.distributions() if item.name}
    return [f"# Python {platform.python_version()} on {platform.platform()}", *sorted(pins)]


def code(root: Path) -> Code:
    """The commit and the uncommitted changes of the repository around `root`, as far as they lie below `root`.

    Outside of a repository the commit is what the image was built from: the variable `GIT_COMMIT`.
    """
    image = os.environ.get("GIT_COMMIT") or "none"
    try:
        top = _top(root)
    except GitError as problem:
        return Code(image, problem=str(problem))
    if top is None:
        return Code(image)
    commit = "none"
    try:
        found = _git(root, "rev-parse", "--verify", "--quiet", "HEAD", fine=(0, 1)).decode().strip()
        commit = found or commit
        with tempfile.TemporaryDirectory() as folder:
            return _changes(root, top, commit, Path(folder))
    except (GitError, OSError, ValueError) as problem:
        return Code(commit, problem=str(problem))


def _changes(root: Path, top: Path, commit: str, folder: Path) -> Code:
    """What is not committed, by an index of our own in `folder`."""
    nothing = os.fsdecode(_line(root, "hash-object", "-t", "tree", "/dev/null"))
    base = nothing if commit == "none" else commit
    own = _own_index(root, folder)
    left_out = _LeftOut()
    changed = list(_sizes(root, top, base, own, left_out))
    new = list(_new_files(root, top, own, left_out))
    taken = _within_limit(top, [*changed, *new], left_out)
    taken -= set(_secret_before(root, [one for one in changed if one.name in taken], own, left_out))
    new_taken = [name for name, *_ in new if name in taken]
    if new_taken:
        names = b"\0".join(b":(top,literal)" + name for name in new_taken)
        extra = ("--pathspec-from-file=-", "--pathspec-file-nul")
        _git(root, "add", "--intent-to-add", "--force", *extra, environment=own, given=names)
    # All of it, unless something was left out: command lines have an end.
    away = [name for name, *_ in changed if name not in taken] + left_out.tracked
    paths = [b":(top,exclude,literal)" + name for name in away]
    diff = _git(
        root, "diff-index", *_DIFF, base, "--", ".", *map(os.fsdecode, paths), environment=own
    )
    return Code(commit, b"".join(_without_secrets(diff, left_out)), left_out.words())


def _own_index(root: Path, folder: Path) -> dict[str, str]:
    """Environment variables of a copy of the repository's index, and of a place for new objects.

    The copy knows the state of every file, so that only what has changed is read again. Files whose changes the repository's index
    is told to overlook count like others.
    """
    index = Path(
        os.fsdecode(_line(root, "rev-parse", "--path-format=absolute", "--git-path", "index"))
    )
    objects = _line(root, "rev-parse", "--path-format=absolute", "--git-path", "objects")
    place = folder / "objects"
    place.mkdir()
    own = {
        "GIT_INDEX_FILE": str(folder / "index"),
        "GIT_OBJECT_DIRECTORY": str(place),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": '"'
        + os.fsdecode(objects).replace("\\", "\\\\").replace('"', '\\"')
        + '"',
    }
    if index.exists():
        # With its times: they tell which files could have changed unnoticed in the moment it was written.
        shutil.copy2(index, folder / "index")
    listed = _git(root, "ls-files", "-v", "-z", environment=own).split(b"\0")
    overlooked = [entry[2:] for entry in listed if entry[:1].islower()]
    if overlooked:
        marks = ("update-index", "-z", "--no-assume-unchanged", "--stdin")
        _git(root, *marks, environment=own, given=b"\0".join(overlooked) + b"\0")
    # Files with other times and the same content are no changes. 1: there are some that have changed.
    _git(root, "update-index", "-q", "--refresh", environment=own, fine=(0, 1))
    return own


def _sizes(
    root: Path, top: Path, base: str, own: dict[str, str], left_out: "_LeftOut"
) -> Iterator[_File]:
    """The changed files that Git knows, with the size of what a diff of them holds."""
    settings = ("--raw", "--no-renames", "--no-abbrev", "--ignore-submodules=none", "-z")
    raw = _git(root, "diff-index", *settings, base, "--", ".", environment=own).split(b"\0")
    entries = [(name, *head.split()) for head, name in zip(raw[0:-1:2], raw[1::2], strict=False)]
    blobs = b"\n".join(entry[3] for entry in entries if entry[1] not in (b":000000", b":160000"))
    sizes = _git(
        root, "cat-file", "--batch-check=%(objectname) %(objectsize)", environment=own, given=blobs
    )
    before = {line.split()[0]: int(line.split()[1]) for line in sizes.splitlines()}
    for name, *modes, old, _new, _status in entries:
        if b"160000" in (modes[0][1:], modes[1]):
            left_out.add(name, None, "a submodule that is not at its commit", tracked=True)
        else:
            size = before.get(old, 0) + _size(top, name)
            yield _File(name, size, old if old in before else b"")


def _new_files(root: Path, top: Path, own: dict[str, str], left_out: "_LeftOut") -> Iterator[_File]:
    """The files that Git does not know, does not ignore, and that are code."""
    for name in _listed(
        root, "ls-files", "--others", "--exclude-standard", "--full-name", "-z", environment=own
    ):
        path = top / os.fsdecode(name)
        if name.endswith(b"/"):
            left_out.add(name, None, "a repository of its own")
        elif not _CODE.search(os.fsdecode(name)):
            left_out.add(name, _size(top, name), "new and no code")
        elif path.is_symlink() or not path.is_file():
            left_out.add(name, None, "new and no plain file")
        else:
            yield _File(name, _size(top, name))


def _within_limit(top: Path, files: Iterable[_File], left_out: "_LeftOut") -> set[bytes]:
    """The names of those that go into the diff: the small ones first."""
    taken, total = set(), 0
    for name, size, _ in sorted(files, key=lambda one: one.size):
        if _SECRET_NAME.search(os.fsdecode(name)):
            left_out.add(name, size, "named like a secret")
        elif size > MOST_OF_A_FILE or total + size > MOST:
            left_out.add(name, size, "too large")
        elif _has_wide_secret(_now(top / os.fsdecode(name))):
            left_out.add(name, size, "looks like it has a secret in it")
        else:
            taken.add(name)
            total += size
    return taken


def _secret_before(
    root: Path, files: Iterable[_File], own: dict[str, str], left_out: "_LeftOut"
) -> Iterator[bytes]:
    """The names of those that had a secret in wide letters: a diff that Git packs brings back what was there, too."""
    known = [one for one in files if one.before]
    blobs = b"\n".join(one.before for one in known)
    told = io.BytesIO(_git(root, "cat-file", "--batch", environment=own, given=blobs))
    for name, size, _ in known:
        # A line with its id, its type and its length; the content; and the end of a line.
        length = int(told.readline().split()[2])
        if _has_wide_secret(told.read(length + 1)):
            left_out.add(name, size, "looks like it has a secret in it")
            yield name


def _now(path: Path) -> bytes:
    """What a file has now; nothing, where it is none."""
    return b"" if path.is_symlink() or not path.is_file() else path.read_bytes()


def _has_wide_secret(text: bytes) -> bool:
    """Whether a text of two or four bytes for each letter (UTF-16) looks like it has a secret: Git's diff does not show it."""
    return b"\0" in text and _SECRET.search(text.replace(b"\0", b"")) is not None


def _without_secrets(diff: bytes, left_out: "_LeftOut") -> Iterator[bytes]:
    """The diff file by file, without those in which something looks like a secret."""
    for part in re.split(rb"^(?=diff --git )", diff, flags=re.MULTILINE):
        if not _SECRET.search(part):
            yield part
            continue
        head = part.split(b"\n", 1)[0].removeprefix(b"diff --git ")
        # a/NAME b/NAME, in quotes where the name is odd: half of it, and no matter what NAME is.
        left_out.add(
            head[: len(head) // 2].strip(b'"').removeprefix(b"a/"),
            None,
            "looks like it has a secret in it",
        )


class _LeftOut:
    """What is left out, in words: file by file, or by folder where there are many."""

    def __init__(self) -> None:
        self.tracked: list[bytes] = []
        self._first: list[str] = []
        self._folders: dict[str, tuple[int, int]] = {}
        self._count = 0

    def add(self, name: bytes, size: int | None, why: str, *, tracked: bool = False) -> None:
        """One more; `tracked` where it has to be kept out of the diff by its name."""
        if tracked:
            self.tracked.append(name)
        shown = os.fsdecode(name).encode("utf-8", "replace").decode()
        self._count += 1
        if len(self._first) < MOST_NAMED:
            self._first.append(f"{shown} ({'' if size is None else _megabytes(size) + ', '}{why})")
        folder, slash, _ = shown.partition("/")
        count, total = self._folders.get(folder + slash, (0, 0))
        self._folders[folder + slash] = (count + 1, total + (size or 0))

    def words(self) -> tuple[str, ...]:
        """What there is to say."""
        if self._count <= MOST_NAMED:
            return tuple(self._first)
        largest = sorted(self._folders.items(), key=lambda item: -item[1][0])
        folders = [
            f"{name} ({count} files, {_megabytes(total)})" for name, (count, total) in largest
        ]
        more = [f"and {len(folders) - MOST_NAMED} more"] if len(folders) > MOST_NAMED else []
        return tuple(folders[:MOST_NAMED] + more)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size} bytes"


def _size(top: Path, name: bytes) -> int:
    try:
        return (top / os.fsdecode(name)).lstat().st_size
    except OSError:
        return 0


def _top(root: Path) -> Path | None:
    """The top folder of the repository around `root`, None if there is none.

    Raises:
        GitError: there is one, and Git cannot or does not want to read it.
    """
    try:
        return Path(os.fsdecode(_line(root, "rev-parse", "--show-toplevel")))
    except GitError as problem:
        if "not a git repository (or any" in str(problem):
            return None
        if isinstance(problem.__cause__, FileNotFoundError):
            around = (root.resolve(), *root.resolve().parents)
            if not any((folder / ".git").exists() for folder in around):
                return None
        raise


def _line(root: Path, *arguments: str) -> bytes:
    """The one line that Git answers."""
    return _git(root, *arguments).removesuffix(b"\n")


def _git(
    root: Path,
    *arguments: str,
    environment: dict[str, str] | None = None,
    given: bytes = b"",
    fine: tuple[int, ...] = (0,),
) -> bytes:
    """What Git answers.

    Raises:
        GitError: it failed: with an exit code that is not `fine`.
    """
    try:
        done = subprocess.run(
            _command(root, arguments),
            env=_environment(environment),
            input=given,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as problem:
        raise GitError("git is not installed") from problem
    if done.returncode not in fine:
        raise _failed(arguments, done.returncode, done.stderr)
    return done.stdout


def _listed(root: Path, *arguments: str, environment: dict[str, str]) -> Iterator[bytes]:
    """The names that Git lists, one by one: there may be millions."""
    with tempfile.TemporaryFile() as said:
        listing = subprocess.Popen(
            _command(root, arguments),
            env=_environment(environment),
            stdout=subprocess.PIPE,
            stderr=said,
        )
        with listing:
            assert listing.stdout is not None  # noqa: S101
            rest = b""
            while block := listing.stdout.read(1 << 16):
                *names, rest = (rest + block).split(b"\0")
                yield from names
        if listing.returncode:
            said.seek(0)
            raise _failed(arguments, listing.returncode, said.read())


def _command(root: Path, arguments: tuple[str, ...]) -> list[str]:
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    return ["git", "--no-pager", "-C", str(root), *settings, *arguments]


def _environment(own: dict[str, str] | None) -> dict[str, str]:
    """The environment without what leads Git elsewhere: a hook or another tool may have started this process."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_")
        or name.startswith("GIT_CONFIG_")
        or name in ("GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
    }
    kept.pop("GIT_CONFIG_PARAMETERS", None)
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        **(own or {}),
    }


def _failed(arguments: tuple[str, ...], exit_code: int, said: bytes) -> GitError:
    words = (
        "; ".join(said.decode("utf-8", "replace").strip().splitlines()[:3]) or "it gave no reason"
    )
    return GitError(f"`git {arguments[0]}` failed with exit code {exit_code}: {words}")
