"""The one way to run Git: in a repository that may be a stranger's, with an environment that may belong to another one.

Nothing that a repository says makes Git run a program here: no hook, no file-system monitor, no filter of its own, no
external diff, no pager, no transport. No variable of the caller's (a hook sets GIT_DIR) leads to another repository, and
no folder inside the tree that looks like a repository is taken for one. What Git answers is bytes, with the settings that
change its output pinned. That Git is missing, that a repository belongs to somebody else, and that Git failed are errors
of their own: none of them means "nothing changed" or "there is no repository".
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mxdev.errors import MxError
from mxdev.system import git_limit, git_pipes, programs

# Where the person's own settings are, which a repository cannot say.
_OF_THE_PERSON = frozenset({"GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"})
# How the person reaches a server; only for what talks to one.
_OF_THE_NETWORK = re.compile(
    r"GIT_(SSH|SSH_COMMAND|SSH_VARIANT|ASKPASS|SSL_\w+|HTTP_\w+|PROXY_\w+|ALLOW_PROTOCOL|PROTOCOL\w*|EXEC_PATH|TRACE\w*"
    r"|CURL_VERBOSE|CONFIG_COUNT|CONFIG_(KEY|VALUE)_\d+)"
)
# Laid over all configuration files. An empty value of core.fsmonitor is "none" for every version of Git. `git diff` heeds
# GIT_OPTIONAL_LOCKS not, so it must not refresh the index: `--name-status` then lists as M also what was only touched.
_PINNED = (
    "core.fsmonitor=", f"core.hooksPath={os.devnull}", "core.pager=cat", "core.quotePath=false", "core.editor=:",
    "safe.bareRepository=explicit", "protocol.ext.allow=never", "protocol.fd.allow=never", "submodule.recurse=false",
    "log.showSignature=false", "log.follow=false", "log.mailmap=false", "color.ui=false", "column.ui=never",
    "diff.renames=true", "diff.renameLimit=1000", "diff.noprefix=false", "diff.mnemonicPrefix=false",
    "diff.relative=false", "diff.autoRefreshIndex=false", "diff.wsErrorHighlight=none", "diff.colorMoved=no",
    "diff.submodule=short", "status.renames=true", "status.branch=false", "status.showStash=false", "i18n.logOutputEncoding=UTF-8",
)  # fmt: skip
# A submodule is a repository with a configuration of its own, which Git would follow to see whether it is dirty.
_NOT_OUTSIDE = ("--no-ext-diff", "--no-textconv", "--ignore-submodules=dirty")
_FLAGS: Mapping[str, tuple[str, ...]] = {
    "diff": _NOT_OUTSIDE,
    "log": _NOT_OUTSIDE,
    "show": _NOT_OUTSIDE,
    "status": ("--ignore-submodules=dirty",),
}
# These look at no file's content in the working tree, so no filter has a part in them.
_WITHOUT_FILTERS = frozenset({"rev-parse", "cat-file", "ls-files", "ls-tree", "check-ignore", "log", "show"})
_FILTER = re.compile(r"filter\..*\.(clean|smudge|process|required)", re.DOTALL)
_HOOK = re.compile(r"(hook\..*)\.[a-z]+", re.DOTALL)
_SOON = 2.0
_LONG = 30.0
MAIN = "main"
_MOST_WORDS = 3


class GitError(MxError):
    """Git could not answer. `said` is Git's own first line, or what mx knows of the reason."""

    said = ""


class NoGit(GitError):
    """Git is not installed."""


class NotOurs(GitError):
    """The repository belongs to another user, so Git (and mx) does not look into it."""


class GitFailed(GitError):
    """Git ran and failed, or did not run to its end."""


@dataclass(frozen=True)
class Answer:
    """What Git left: its exit code, its output, and what it said beside it, in one line."""

    code: int
    out: bytes
    words: str = ""


def top(folder: Path) -> Path | None:
    """The nearest folder, `folder` itself included, with a `.git` in it; None: no repository.

    Bare repositories do not count: one that lies in the tree is somebody's data.
    """
    return next((place for place in (folder, *folder.parents) if os.path.lexists(place / ".git")), None)


def literal(path: str) -> str:
    """A pathspec that means this path, whatever letters it has."""
    return f":(literal){path}"


@dataclass(frozen=True)
class Repository:
    """A repository that Git accepts.

    Attributes:
        top: the folder with `.git`; Git runs there, and paths start there.
        prefix: from there to the folder that was asked about: "", or "a/b/".
    """

    top: Path
    prefix: str
    _quiet: list[tuple[str, ...]] = field(default_factory=list, compare=False, repr=False)

    def ask(
        self,
        *arguments: str,
        ok: Collection[int] = (0,),
        input: bytes | None = None,
        filters: bool = False,
        settings: Collection[str] = (),
    ) -> Answer:
        """Run Git at the top of the repository.

        Args:
            arguments: the command and what belongs to it; a path of a person's goes through `literal`.
            ok: the exit codes that are answers.
            input: what Git reads.
            filters: also the filters that this repository's own configuration names are run; only for what runs the
                project's code anyway.
            settings: more configuration, as "name=value".

        Raises:
            GitError: Git is missing, does not accept the repository, or ended with another code.
        """
        quiet = () if filters or arguments[0] in _WITHOUT_FILTERS else self._without_programs()
        return _run(self.top, arguments, (*settings, *quiet), ok, input)

    def commit(self) -> str | None:
        """The hash of the commit that is checked out; None where there is no commit yet.

        Raises:
            GitError: Git cannot say.
        """
        answer = self.ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}", ok=(0, 1))
        return answer.out.decode("ascii").strip() if answer.code == 0 else None

    def changed(self) -> list[str]:
        """The files below `top` that differ from the commit or that Git does not know, also in submodules; sorted.

        A name that is not text has U+FFFD in it.

        Raises:
            GitError: Git cannot say.
        """
        out = self.ask("status", "--porcelain=v1", "-z", "--untracked-files=normal").out
        parts = out.decode("utf-8", "replace").split("\0")
        found = []
        while parts and parts[0]:
            entry = parts.pop(0)
            found.append(entry[3:])
            if "R" in entry[:2] or "C" in entry[:2]:
                parts.pop(0)  # the name before
        return sorted({*found, *self._changed_submodules()})

    def _changed_submodules(self) -> list[str]:
        if not (self.top / ".gitmodules").is_file():
            return []
        found = []
        for row in self.ask("ls-files", "--stage", "-z").out.split(b"\0"):
            place = self.top / os.fsdecode(row.partition(b"\t")[2])
            if row.startswith(b"160000 ") and os.path.lexists(place / ".git") and not place.is_symlink():
                inner = find(place)
                # By a link on the way there two repositories could be in each other.
                if inner is not None and self.top in inner.top.parents and inner.changed():
                    found.append(row.partition(b"\t")[2].decode("utf-8", "replace"))
        return found

    def _without_programs(self) -> tuple[str, ...]:
        """The settings that take away the programs which the repository's own configuration names."""
        if not self._quiet:
            self._quiet.append(_neutral(self.top))
        return self._quiet[0]


def find(folder: Path) -> Repository | None:
    """The repository that `folder` is in; None if it is in none.

    Raises:
        NoGit: there is one, and Git is not installed.
        NotOurs: it belongs to another user.
        GitFailed: Git does not take what is there for a repository.
    """
    folder = folder.resolve()
    there = top(folder)
    if there is None:
        return None
    answer = _run(there, ("rev-parse", "--show-toplevel"))
    told = Path(os.fsdecode(answer.out.removesuffix(b"\n"))).resolve()
    # A `.git` that is none, such as an empty folder, is passed over by Git; `core.worktree` may point anywhere.
    meant = told == there or os.path.lexists(told / ".git")
    if not meant or (told != folder and told not in folder.parents):
        problem = GitFailed(
            f"The repository in {there} says that its files are in {told}, so mx does not use it.",
            hint=f"`git -C {there} config --unset core.worktree`, if that is not what you want.",
        )
        problem.said = f"its files are in {told}"
        raise problem
    inside = folder.relative_to(told).as_posix()
    return Repository(told, "" if inside == "." else f"{inside}/")


def tracks(root: Path, folder: Path) -> bool:
    """Whether the repository around `root` has files of a folder; without Git, nothing was cloned and none has.

    Raises:
        GitError: Git cannot say.
    """
    try:
        repository = find(root)
    except NoGit:
        return False
    if repository is None:
        return False
    inside = Path(os.path.relpath(folder.parent.resolve() / folder.name, repository.top)).as_posix()
    return not inside.startswith("../") and bool(repository.ask("ls-files", "-z", "--", literal(inside)).out)


def initialize(folder: Path) -> str:
    """Make a repository of a folder; the person's own template for that holds.

    The branch is the one that the person set (`init.defaultBranch`), else `main`, whatever Git's own default is: pipelines
    run on `main`.

    Returns:
        The name of the branch.

    Raises:
        GitError: Git is missing, or failed.
    """
    own = (
        _run(folder, ("config", "--get", "init.defaultBranch"), ok=(0, 1))
        .out.decode("utf-8", "replace")
        .strip()
    )
    # As a setting, not as `-b`: a Git before 2.28 passes it over.
    _run(folder, ("init", "--quiet"), (f"init.defaultBranch={own or MAIN}",))
    return own or MAIN


def scratch(folder: Path) -> Repository:
    """Make a repository of an empty folder that is soon removed; the person's own template for that holds, as in any other.

    Raises:
        GitError: Git is missing, or failed.
    """
    _run(folder, ("init", "--quiet"), (f"init.defaultBranch={MAIN}",))
    return Repository(folder.resolve(), "")


def run_at(git_dir: Path, *arguments: str) -> bytes:
    """Ask a repository that mx made in the user's cache; Git's output.

    Raises:
        GitError: Git is missing, or failed.
    """
    return _run(git_dir, (f"--git-dir={git_dir}", *arguments)).out


def reach(home: Path, *arguments: str) -> bytes:
    """Run what talks to a server (clone, fetch, ls-remote), as the person does: with their ssh, proxies and credentials.

    Nobody is asked for a password.

    Args:
        home: a folder of mx's own that is there and is not a repository; it runs there, so that no configuration of a
            project has a part in it.
        arguments: the command; `--git-dir=...` may come first.

    Raises:
        GitError: Git is missing, or failed.
    """
    environment: dict[str, str | None] = dict.fromkeys(misleading(os.environ))
    environment |= {**_always(), "GIT_CEILING_DIRECTORIES": os.fspath(home.resolve().parent)}
    git, limit = _git(), git_limit.seconds()
    try:
        # In mx's own session: ssh may want to ask for the passphrase of a key.
        done = programs.run(
            [*git, *_settings(), *arguments], cwd=home, env=environment, capture=True, terminal=True,
            timeout=limit, looks={_LONG: lambda: _tell(None, arguments, limit)},
        )  # fmt: skip
    except programs.TooLong as error:
        raise _slow(None, arguments, limit or 0.0) from error
    except MxError as error:
        raise _failed(None, arguments, 1, error.message) from error
    return _judged(None, arguments, done.code, done.stdout, done.stderr, (0,)).out


def misleading(environment: Iterable[str]) -> set[str]:
    """The variables among `environment` that lead Git to another repository (a hook sets them) or change its answers.

    How the person reaches servers is not among them.
    """
    return {name for name in environment if not _is_kept(name, network=True)}


def as_variables(environment: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    """What makes a Git that another program runs behave as it does here.

    Args:
        environment: what that program gets; configuration that is in it stays.
        more: more configuration.
    """
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    pinned = {name: value for name, _, value in (setting.partition("=") for setting in _PINNED)}
    settings = {**pinned, **more}
    found = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_COUNT": str(first + len(settings)),
    }
    for index, (name, value) in enumerate(settings.items(), first):
        found |= {f"GIT_CONFIG_KEY_{index}": name, f"GIT_CONFIG_VALUE_{index}": value}
    return found


def _is_kept(name: str, *, network: bool) -> bool:
    if not name.upper().startswith("GIT_"):
        return True
    return name in _OF_THE_PERSON or (network and _OF_THE_NETWORK.fullmatch(name) is not None)


def _always() -> dict[str, str]:
    """No question, no translated message, no write of the index that nobody asked for, no object from a server."""
    return {
        "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_PAGER": "cat",
    }  # fmt: skip


def _settings(more: Collection[str] = ()) -> list[str]:
    return [word for setting in (*_PINNED, *more) for word in ("-c", setting)]


def _git() -> tuple[str, ...]:
    command = programs.locate("git")
    if command is None:
        problem = NoGit("Git is not installed.", hint=f"Install it: {programs.get('git').install}")
        problem.said = "git is missing"
        raise problem
    return command


def _run(
    folder: Path,
    arguments: tuple[str, ...],
    quiet: Collection[str] = (),
    ok: Collection[int] = (0,),
    input: bytes | None = None,
) -> Answer:
    command = next(index for index, word in enumerate(arguments) if not word.startswith("-"))
    flags = _FLAGS.get(arguments[command], ())
    words = (*arguments[: command + 1], *flags, *arguments[command + 1 :])
    environment: dict[str, str | None] = {
        name: None for name in os.environ if not _is_kept(name, network=False)
    }
    # No transport at all: a repository that lacks objects on purpose would have them fetched, by a program it names.
    environment |= {**_always(), "GIT_ALLOW_PROTOCOL": "none"}
    git = _git()
    limit = git_limit.seconds()
    if endless := git_pipes.first(folder):
        raise _waits(endless)
    try:
        done = programs.run(
            [*git, *_settings(quiet), *words],
            cwd=folder,
            env=environment,
            capture=True,
            input=input,
            timeout=limit,
            looks={
                _SOON: lambda: git_pipes.anywhere(folder) is not None,
                _LONG: lambda: _tell(folder, arguments, limit),
            },
        )
    except MxError as error:
        if endless := git_pipes.anywhere(folder):
            raise _waits(endless) from error
        if limit is not None and isinstance(error, programs.TooLong):
            raise _slow(folder, arguments, limit) from error
        raise _failed(folder, arguments, 1, error.message) from error
    return _judged(folder, arguments, done.code, done.stdout, done.stderr, ok)


def _judged(
    folder: Path | None, arguments: tuple[str, ...], code: int, out: bytes, errors: bytes, ok: Collection[int]
) -> Answer:
    """The answer.

    Raises:
        NotOurs, GitFailed: `code` is none of `ok`.
    """
    lines = errors.decode("utf-8", "replace").strip().splitlines()
    words = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines[:_MOST_WORDS])
    if code in ok:
        return Answer(code, out, words)
    if folder is not None and re.search(r"dubious ownership|unsafe repository", "\n".join(lines)):
        problem: GitError = NotOurs(
            f"The Git repository in {folder} belongs to another user, so Git does not look into it.",
            hint=f"If you trust it: git config --global --add safe.directory {folder}",
        )
    else:
        problem = _failed(folder, arguments, code, words)
    problem.said = lines[0] if lines else f"git exited with {code}"
    raise problem


def _failed(folder: Path | None, arguments: tuple[str, ...], code: int, words: str) -> GitFailed:
    verb = _verb(arguments)
    place = "" if folder is None else f" in {folder}"
    problem = GitFailed(
        f"`git {verb}` failed{place}: {words or f'exit code {code}'}",
        hint=None if folder is None else "Put the repository right, and try again.",
    )
    problem.said = words or f"git {verb} exited with {code}"
    return problem


def _verb(arguments: Collection[str]) -> str:
    return next((word for word in arguments if not word.startswith("-")), "")


def _tell(folder: Path | None, arguments: Collection[str], limit: float | None) -> bool:
    from mxdev.system import console

    place = "" if folder is None else f" in {folder}"
    end = "without an end" if limit is None else f"until {limit:g} seconds are over"
    console.status(
        f"`git {_verb(arguments)}`{place} has run for {_LONG:g} seconds; mx waits {end} ({git_limit.SETTING})."
    )
    return False


def _slow(folder: Path | None, arguments: Collection[str], limit: float) -> GitFailed:
    verb = _verb(arguments)
    place = "" if folder is None else f" in {folder}"
    problem = GitFailed(
        f"`git {verb}`{place} did not end within {limit:g} seconds, and was stopped.",
        hint=(
            "Look whether the server answers; a large repository" if folder is None else
            f"See how long `git -C {folder} {verb}` takes by itself; a large repository or a slow disk"
        ) + f" may need more: set {git_limit.SETTING} to so many seconds, or to 0 for no limit.",
    )  # fmt: skip
    problem.said = f"git {verb} did not end within {limit:g} seconds"
    return problem


def _waits(path: Path) -> GitFailed:
    problem = GitFailed(
        f"{path} is a pipe or a device, and no file, so Git would wait for it without an end.",
        hint="Remove it, or put back the file that belongs there.",
    )
    problem.said = f"{path} is a pipe or a device"
    return problem


def _neutral(folder: Path) -> tuple[str, ...]:
    """Settings that replace each filter of the repository's own configuration by the person's, or by none, and stop all hooks.

    Raises:
        GitError: Git cannot list its configuration, or a name in it cannot be overruled.
    """
    listed = _run(folder, ("config", "--list", "-z", "--show-scope"), ok=(0, 129))
    scoped = listed.code == 0
    if not scoped:  # a Git before 2.26 does not say where a setting comes from
        listed = _run(folder, ("config", "--list", "-z"))
    fields = listed.out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    scopes, rows = (fields[::2], fields[1::2]) if scoped else (["local"] * len(fields), fields)
    trusted: dict[str, str] = {}
    local: set[str] = set()
    for scope, row in zip(scopes, rows, strict=True):
        key, _, value = row.partition("\n")
        if scope == "command":
            continue
        if hook := _HOOK.fullmatch(key):
            local.add(f"{hook[1]}.enabled")
        elif _FILTER.fullmatch(key) and scope in ("system", "global"):
            trusted[key] = value
        elif _FILTER.fullmatch(key):
            local.add(key)
    return tuple(f"{key}={_instead(folder, key, trusted)}" for key in sorted(local))


def _instead(folder: Path, key: str, trusted: Mapping[str, str]) -> str:
    if "=" in key:  # `-c` takes what stands before the first one for the name
        problem = GitFailed(
            f"The configuration of the repository in {folder} has {key!r}, which may run a program.",
            hint=f"Look at it (`git -C {folder} config --local --list`), and remove it.",
        )
        problem.said = f"its configuration has {key!r}"
        raise problem
    if key in trusted:
        return trusted[key]
    return "false" if key.endswith((".required", ".enabled")) else ""
