"""Renders a template into a scratch folder, and reads what came of it. Nothing here writes into a project."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.project.files.in_git import would_ignore
from mxdev.system import console
from mxdev_generators.template import process
from mxdev_generators.template.questions import Kind
from mxdev_generators.template.source import Template

Read = Callable[[str], "bytes | None"]
Files = dict[str, tuple[bytes, bool]]
ANSWERS = ".copier-answers.yml"
_SEED = "# What mx knows: the answers of the last run.\n"
_ROUNDS = 5
_SECONDS = 120  # which no template needs that runs no tasks


@dataclass(frozen=True)
class RenderRequest:
    """What to render.

    Attributes:
        template: which one.
        kind: by which tool.
        given: answers by question that count.
        last: answers of the last run, which count while they are valid and asked for.
        ask: a person answers the other questions.
        trust: the template may run commands and load extensions.
        folder_name: how the folder is called that the template believes to render into.
        answers_file: where Copier's answers file is to be; "" for the template's choice.
        tasks: run its tasks.
        reads: the files of the project that it reads; their names may be templates.
        before: what was rendered last, of a template that has migrations; None without any.
        commit_before: the commit that it was rendered from.
        last_before: answers of the last run to questions that are asked no more, which the version before may need.
        place: the folder that it is rendered for; messages name it.
        updates: it was rendered before.
    """

    template: Template
    kind: Kind
    given: Mapping[str, Any] = field(default_factory=dict)
    last: Mapping[str, Any] = field(default_factory=dict)
    ask: bool = False
    trust: bool = False
    folder_name: str = "project"
    answers_file: str = ""
    tasks: bool = True
    reads: tuple[str, ...] = ()
    before: Files | None = None
    commit_before: str = ""
    last_before: Mapping[str, Any] = field(default_factory=dict)
    place: str = ""
    updates: bool = False


@dataclass(frozen=True)
class Rendered:
    """What came of it.

    Attributes:
        files: bytes and executable bit by path.
        answers: by question, those that are to be remembered.
        secrets: answers that are not.
        skipped: the files that the template leaves alone where they are there already.
        before: what it says before it is rendered, if nobody has been told yet.
        after: what it says when it was rendered.
    """

    files: Files
    answers: dict[str, Any]
    secrets: dict[str, Any]
    skipped: frozenset[str] = frozenset()
    before: str = ""
    after: str = ""


def render(request: RenderRequest, read: Read, *, skips: bool = False) -> Rendered:
    """Render a template.

    Args:
        request: what.
        read: gives a file of the project that the template reads (`_external_data`), None where there is none.
        skips: find out too which files the template does not render over (`_skip_if_exists`).

    Raises:
        Refused: it needs trust that it does not have.
        UsageProblem: an answer is wrong or missing.
        MxError: it cannot be rendered.
    """
    fixed = {path: read(path) for path in request.reads if "{" not in path and "[" not in path}
    lent = {path: data for path, data in fixed.items() if data is not None}
    if request.ask and request.reads:
        # What a person is shown may come from the project's files; which these are depends on answers, mostly on defaults.
        with contextlib.suppress(UsageProblem):
            _rounds(replace(request, ask=False, tasks=False), read, lent)
    files, response = _rounds(request, read, lent)
    answers, secrets = response["answers"], response["secrets"]
    given = {**answers, **secrets, **request.given}
    matters = skips and any(read(path) is not None for path in files)
    skipped = _skipped(request, given, lent, files) if matters else frozenset()
    before = "" if request.ask else response.get("before", "")
    return Rendered(files, answers, secrets, skipped, before, response.get("after", ""))


def _rounds(request: RenderRequest, read: Read, lent: dict[str, bytes]) -> tuple[Files, dict[str, Any]]:
    """Render until every file of the project that the template reads is there; files are added to `lent`."""
    ask, given = request.ask, dict(request.given)
    for _ in range(_ROUNDS):
        with _run(request, given, lent, ask=ask, tasks=request.tasks) as (folder, response):
            missing = [path for path in response["missing"] if path not in lent]
            found = {path: data for path in missing if (data := read(path)) is not None}
            if not found:
                bare = partial(_before_tasks, request, given, lent)
                return _without(response.get("temporary", {}), _collect(folder, bare)), response
            lent |= found
            if ask:  # nobody is asked twice
                ask, given = False, {**response["answers"], **response["secrets"], **given}
    raise MxError(f"The template {request.template.title} reads ever more files of the project.")


def _before_tasks(
    request: RenderRequest, given: Mapping[str, Any], lent: Mapping[str, bytes]
) -> frozenset[str] | None:
    """The paths that are rendered without the template's tasks; None where none ran."""
    if not (request.tasks and request.trust):
        return None
    with _run(request, given, lent, ask=False, tasks=False) as (folder, _):
        return frozenset(dict(_places(folder)))


def _skipped(
    request: RenderRequest, given: Mapping[str, Any], lent: Mapping[str, bytes], files: Files
) -> frozenset[str]:
    """Rendered where all these files are already, those that are still as they were are what the template leaves alone."""
    there = dict.fromkeys(files, b"\0mx: a file that is there already\0")
    there.pop(request.answers_file or ANSWERS, None)
    with _run(request, given, {**lent, **there}, ask=False, tasks=False, lent=False) as (folder, _):
        return frozenset(path for path in there if (folder / path).read_bytes() == there[path])


@contextlib.contextmanager
def _run(
    request: RenderRequest,
    given: Mapping[str, Any],
    there: Mapping[str, bytes],
    *,
    ask: bool,
    tasks: bool,
    lent: bool = True,
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Render once, into a folder with the files `there`; the folder, and the worker's response.

    `lent`: files that the template leaves as they are go again.
    """
    with tempfile.TemporaryDirectory(prefix="mx-template-") as name:
        scratch = Path(name).resolve()
        folder = scratch / "to" / request.folder_name
        source = request.template.source
        if request.kind == "cookiecutter":
            folder.parent.mkdir()
            source = _sources(request.template, scratch)
        else:
            folder.mkdir(parents=True)
        migrates = request.before is not None and lent
        for path, (data, executable) in (request.before or {}).items() if migrates else ():
            _write(folder / path, data)
            (folder / path).chmod(0o755 if executable else 0o644)
        for path, data in there.items():
            _write(folder / path, data)
        seed = _seed(request, folder)
        if migrates:
            _commit(folder)
        before = {path: (folder / path).stat().st_mtime_ns for path in there}
        response = _work(scratch, request, {
            "kind": request.kind,
            "source": source,
            "recorded": request.template.source,
            "ref": request.template.ref,
            "commit": request.template.commit,
            "folder": os.fspath(folder),
            "scratch": os.fspath(scratch),
            "data": _data(request, given),
            "answers_file": request.answers_file,
            "ask": ask,
            "trust": request.trust,
            "skip_tasks": not tasks,
            "migrates": migrates,
            "place": request.place,
            "operation": "update" if request.updates else "copy",
        })  # fmt: skip
        if lent:
            for path in there:  # what only lent the template its content is none of what it renders
                place = folder / path
                if place.is_file() and place.stat().st_mtime_ns == before[path]:
                    place.unlink()
        if seed is not None and seed.is_file() and seed.read_text(errors="replace").startswith(_SEED):
            seed.unlink()
        yield folder, response


def _sources(template: Template, scratch: Path) -> str:
    """A copy of the template for Cookiecutter, which makes hooks executable in place; the folder with `cookiecutter.json`."""
    import shutil

    copy = scratch / "template"
    if template.mirror is not None:
        template.mirror.check_out(template.commit, copy)
        shutil.rmtree(copy / ".git")
    else:
        shutil.copytree(template.source, copy, symlinks=True)
    return os.fspath(copy / template.directory)


def _data(request: RenderRequest, given: Mapping[str, Any]) -> dict[str, Any]:
    """The answers as the tool wants to be told; Cookiecutter has no place for those of the last run."""
    return dict(given) if request.kind == "copier" else {**request.last, **given}


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def _seed(request: RenderRequest, folder: Path) -> Path | None:
    """Tell Copier the last answers as it wants to be told: it checks them, and drops what is not asked any more."""
    if request.kind != "copier" or (not request.last and request.before is None):
        return None
    place = folder / (request.answers_file or ANSWERS)
    known = dict(request.last)
    if request.before is not None:
        known = {**request.last_before, **known}
        known |= {"_src_path": request.template.source, "_commit": request.commit_before}
    _write(place, (_SEED + json.dumps(known, ensure_ascii=False) + "\n").encode())
    return place


def _commit(folder: Path) -> None:
    """Make a repository of what was rendered last: Copier updates, and migrates, only what is in one."""
    from mxdev.system import git

    git.initialize(folder)
    made = git.find(folder)
    if made is None:
        raise MxError(f"Git made no repository in {folder}.", hint="Try again.")
    made.ask("add", "--all", "--force", settings=("core.autocrlf=false",))
    who = ("user.name=mx", "user.email=mx@localhost", "commit.gpgsign=false")
    made.ask("commit", "--quiet", "--no-verify", "--allow-empty", "--message", "before", settings=who)


def _work(scratch: Path, request: RenderRequest, message: dict[str, Any]) -> dict[str, Any]:
    question, answer = scratch / "request.json", scratch / "response.json"
    question.touch(mode=0o600)  # there may be secrets in it
    question.write_text(json.dumps(message), encoding="utf-8")
    environment = _environment(request.template, scratch, request.trust)
    # Tasks may take their time, and what they started would live on.
    limit = None if request.trust and request.tasks else _SECONDS
    try:
        code = process.run(
            question, answer, environment, scratch, talks=message["ask"], limit=limit,
            wait=lambda: _say_once(f"The template {request.template.title} is still at work; ^C stops it."),
        )  # fmt: skip
    except TimeoutError:
        raise MxError(
            f"The template {request.template.title} was still being rendered after {_SECONDS} seconds, and was stopped.",
            hint="Look for a loop in it that does not end, or tell its authors.",
        ) from None
    if not answer.is_file():
        raise MxError(f"{request.kind} ended with exit code {code}; what it said stands above.")
    response: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    if "error" in response:
        _raise(request, response["error"], response["message"])
    return response


def _environment(template: Template, scratch: Path, trust: bool) -> dict[str, str]:
    """Git takes the template from its local copy, while Copier sees, and records, its real address.

    A template that is not trusted gets nothing of the person's environment, their home neither.
    """
    from mxdev.system import git

    lost = git.misleading(os.environ)
    environment = {key: value for key, value in os.environ.items() if key not in lost}
    if not trust:
        environment = {key: value for key, value in environment.items() if _is_plain(key)}
        environment |= {"HOME": os.fspath(scratch / "home"), "GIT_CONFIG_NOSYSTEM": "1"}
    environment["COPIER_CACHE_DIR"] = os.fspath(scratch / "copier")
    mirror = template.mirror
    there = {} if mirror is None else {f"url.{mirror.folder}.insteadOf": mirror.url}
    return environment | git.as_variables(environment, there)


_REACHES = (
    "What it renders would depend on this machine. Tell the template's authors, or trust them with `--trust`."
)
_PLAIN = frozenset({
    "PATH", "LANG", "LANGUAGE", "TZ", "TERM", "NO_COLOR", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "COMSPEC", "PATHEXT",
    "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV",
})  # fmt: skip


def _is_plain(name: str) -> bool:
    """Whether a variable is needed by programs of any kind, and is nobody's secret."""
    return name.upper() in _PLAIN or name.startswith("LC_")


def _raise(request: RenderRequest, error: str, message: str) -> None:
    import click

    title = request.template.title
    if error == "missing":
        how = "pip install cookiecutter" if request.kind == "cookiecutter" else "pip install copier"
        raise MxError(f"{title} needs {request.kind}, which is not installed.", hint=f"Run `{how}`.")
    if error == "interrupted":
        raise click.Abort
    if error == "UnsafeTemplateError":
        features = message.partition(": ")[2].partition(".\n")[0]
        raise needs_trust(title, features.replace("_", " ") or "unsafe features")
    if error == "ReachesOut":
        raise MxError(f"The template {title} {message}", hint=_REACHES)
    if error == "ForbiddenPathError":
        raise MxError(f"The template {title} wants to read or write outside the project: {message}")
    if error in ("ValueError", "InvalidTypeError", "InteractiveSessionError"):
        raise UsageProblem(
            f"{title}: {message}", hint="Answers are given as options, or by `--data NAME=VALUE`."
        )
    missing = re.search(r"No module named '([^'.]+)", message)
    if error in ("ExtensionNotFoundError", "UnknownExtension", "ImportError") and missing:
        raise MxError(
            f"The template {title} needs the Python module {missing[1]} for its extensions, which is not installed beside mx.",
            hint=f"Run `{sys.executable} -m pip install {missing[1].replace('_', '-')}`; if that is not its distribution's name, "
            "the template's README says which is.",
        )
    said = message if " " in message else f"{error}: {message}".rstrip(": ")
    raise MxError(f"The template {title} cannot be rendered: {said}", hint="Tell the template's authors.")


class NeedsTrust(Refused):
    """The template wants to run what its authors wrote, and the user has not said that it may."""


def needs_trust(title: str, features: str) -> NeedsTrust:
    """The refusal of a template that was not trusted, in words."""
    return NeedsTrust(
        f"The template {title} uses {features}: it would run its authors' code on this machine.",
        hint="If you trust them, run `mx generate` for it with `--trust`; that is remembered for you and this version of it, "
        "not for the project.",
    )


def _without(temporary: Mapping[str, str], files: Files) -> Files:
    """The files, with what they say of folders that are gone in a moment, and new ones each time, put right."""
    for gone, real in sorted(temporary.items(), key=lambda item: -len(item[0])):
        files = {
            path: (data.replace(gone.encode(), real.encode()), executable)
            for path, (data, executable) in files.items()
        }
    return files


def _collect(folder: Path, bare: Callable[[], frozenset[str] | None]) -> Files:
    """Every file below a folder; a repository that a task made is none of them, nor a folder that the template ignores.

    `bare` gives the paths that are rendered without tasks; None where none ran.

    Raises:
        MxError: there is something that is neither file nor folder nor a link to one of the template's own.
    """
    places = dict(_places(folder))
    files: Files = {}
    for path in places.keys() - _by_products(places, bare):
        for name, place in _followed(folder, path, places[path]).items():
            files[name] = (place.read_bytes(), bool(place.stat().st_mode & 0o100))
    return dict(sorted(files.items()))


def _followed(folder: Path, path: str, place: Path, through: tuple[Path, ...] = ()) -> dict[str, Path]:
    """The file at `path`; of a link, the file or all the files that it leads to, as Copier renders links by default.

    Raises:
        MxError: it is none, or a link that leads nowhere, outside, round in a circle, or to an absolute path.
    """
    if not place.is_symlink():
        if not place.is_file():
            raise MxError(f"The template renders {path}, which is not a file, no folder and no link.")
        return {path: place}
    where = place.readlink()
    try:
        target = place.resolve(strict=True)
    except (OSError, RuntimeError):
        target = folder.parent
    inside = target.is_relative_to(folder) and ".git" not in target.relative_to(folder).parts
    if where.is_absolute() or not inside or target in through or place.is_relative_to(target):
        raise MxError(
            f"The template renders {path}, a symbolic link to {where}: that leads to none of its own files.",
            hint="mx takes relative links to files and folders that the template renders too.",
        )
    if not through:
        _say_once(
            f"The template's link {path} becomes a copy of what it leads to, {where}: mx keeps files only."
        )
    if target.is_file():
        return {path: target}
    found: dict[str, Path] = {}
    for name, inner in _places(target):
        found |= _followed(folder, f"{path}/{name}", inner, (*through, target))
    return found


def _places(folder: Path) -> Iterator[tuple[str, Path]]:
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        links = [name for name in folders if (Path(where) / name).is_symlink()]
        for place in (Path(where) / name for name in [*names, *links] if name != ".git"):
            yield place.relative_to(folder).as_posix(), place


def _by_products(places: Mapping[str, Path], bare: Callable[[], frozenset[str] | None]) -> set[str]:
    """What lies in folders that the rendered `.gitignore` ignores whole and tasks made, such as `.venv/` and `node_modules/`.

    So is one that has links in it, or very many files. A file that is ignored by itself, such as `.env`, is the project's all
    the same.
    """
    rules = {
        path: place.read_bytes()
        for path, place in places.items()
        if place.name == ".gitignore" and place.is_file()
    }
    if not rules:
        return set()
    ignored = would_ignore(Path(os.devnull), rules, places)
    kept = {parent.as_posix() for path in places.keys() - ignored for parent in PurePosixPath(path).parents}
    found: dict[str, str] = {}
    for path in ignored:
        outer = [
            parent.as_posix()
            for parent in PurePosixPath(path).parents
            if parent.as_posix() not in {".", *kept}
        ]
        if outer:
            found[path] = outer[-1]
    tops = set(found.values())
    of_tasks = {top for top in tops if _is_by_product([places[p] for p, t in found.items() if t == top])}
    if whole := would_ignore(Path(os.devnull), rules, [f"{top}/" for top in tops - of_tasks]):
        rendered = bare()
        made = {t for path, t in found.items() if rendered is not None and path not in rendered}
        kept_tops = {t for path, t in found.items() if rendered is None or path in rendered}
        of_tasks |= {top for top in made - kept_tops if f"{top}/" in whole}
    for top in sorted(of_tasks):
        _say_once(
            f"The template's tasks made {top}/, which its .gitignore ignores: mx leaves that folder out."
        )
    return {path for path, top in found.items() if top in of_tasks}


_MANY = 200  # files in a folder that the template ignores: nobody writes so many into a template


def _is_by_product(places: Sequence[Path]) -> bool:
    return len(places) > _MANY or any(place.is_symlink() or not place.is_file() for place in places)


@lru_cache(maxsize=64)
def _say_once(text: str) -> None:
    console.status(text)
