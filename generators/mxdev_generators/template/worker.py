"""Runs Copier or Cookiecutter in a process of its own: `python worker.py REQUEST RESPONSE`, two JSON files; or `serve`.

A process of its own keeps a template's extensions, tasks, output, changes of folder and Git settings out of mx, and what
it costs to import these tools too. This file imports nothing of mx.
"""

from __future__ import annotations

import json
import os
import re
import sys
import warnings
from pathlib import Path
from typing import Any


def copier(request: dict[str, Any]) -> dict[str, Any]:
    """Render by `copier.run_copy` or, where migrations are to run, `copier.run_update` (https://copier.readthedocs.io/en/stable/reference/api/)."""
    from copier import Settings, load_settings, run_copy, run_update

    # A person who is asked gets their own defaults shown; without one the same request gives the same bytes everywhere.
    # What Copier's settings say of trust does not count here.
    defaults = load_settings().defaults if request["ask"] else {}
    if not request["trust"]:
        _fence()
    said = _keep_messages(request)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        common: dict[str, Any] = {
            "data": request["data"],
            "vcs_ref": request["commit"] or None,
            "answers_file": request["answers_file"] or None,
            "settings": Settings(defaults=defaults, trust=[]),
            "defaults": not request["ask"],
            "overwrite": True,
            "quiet": True,
            "unsafe": request["trust"],
            "skip_tasks": request["skip_tasks"],
        }
        if request["migrates"]:
            worker = run_update(request["folder"], **common)
        else:
            worker = run_copy(request["source"], request["folder"], **common)
    asked, secret = worker.template.questions_data, worker.template.secret_questions
    known = {name: value for name, value in worker.answers.combined.items() if name in asked}
    secrets = {name: value for name, value in known.items() if name in secret}
    hidden = worker.answers.hidden
    answers = {name: value for name, value in known.items() if name not in secret and name not in hidden}
    missing = [
        str(warning.message).partition("returning empty dict: ")[2]
        for warning in caught
        if warning.category.__name__ == "MissingFileWarning"
    ]
    return {"answers": answers, "secrets": secrets, "missing": missing, **said}


class ReachesOut(Exception):
    """A template that is not trusted asks for something of this machine."""


# Filters that Copier brings and that look at the environment, the home folder or the disk; Jinja's sandbox knows nothing of them.
_REACHING = ("expandvars", "expanduser", "fileglob", "realpath", "relpath")


def _fence() -> None:
    """Take away what a template could reach beside its answers and the files that it names in `_external_data`.

    Raises:
        ReachesOut: this Copier has no place where that can be done.
    """
    from functools import cached_property

    from copier import _main

    made = vars(_main.Worker).get("jinja_env")
    if not isinstance(made, cached_property):
        raise ReachesOut("cannot be rendered without trust by this version of Copier.")

    def refuse(name: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            raise ReachesOut(f"uses the filter `{name}`, which looks at this machine.")

        return call

    def fenced(worker: Any) -> Any:
        environment = made.func(worker)
        environment.filters.update({name: refuse(name) for name in _REACHING})
        return environment

    inside = cached_property(fenced)
    inside.__set_name__(_main.Worker, "jinja_env")
    _main.Worker.jinja_env = inside  # type: ignore[method-assign, assignment]


def _keep_messages(request: dict[str, Any]) -> dict[str, str]:
    """Have the template's messages (`_message_before_copy` and the like) kept, and not printed; they are filled in later.

    Copier prints them only while it prints all else that it does, and has no public way to them. Should this one be gone,
    they are not shown.
    """
    from copier import _main

    said: dict[str, str] = {}

    def keep(worker: Any, _: str) -> None:
        # It is called first before anything is done, and last when all is done.
        moment = "after" if said else "before"
        text = getattr(worker.template, f"message_{moment}_{request['operation']}")
        if not text:
            # Before the questions there are no answers, and a template's context hook may need them.
            said[moment] = ""
            return
        shown = _harmless(worker._render_string(text)).replace(request["folder"], request["place"])
        said[moment] = shown.replace(str(worker.template.local_abspath), request["source"])
        if moment == "before" and said[moment] and request["ask"]:
            print(said[moment], file=sys.stderr)  # before the questions

    if hasattr(_main.Worker, "_print_message"):
        _main.Worker._print_message = keep  # type: ignore[method-assign, assignment]
    return said


def _harmless(text: str) -> str:
    """Without what moves a terminal's cursor, colours it or turns text around."""
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", str(text)).expandtabs()
    return "".join(character for character in text if character.isprintable() or character == "\n").strip(
        "\n"
    )


def cookiecutter(request: dict[str, Any]) -> dict[str, Any]:
    """Render by `cookiecutter.main.cookiecutter` (https://cookiecutter.readthedocs.io/en/stable/advanced/calling_from_python.html)."""
    from cookiecutter.main import cookiecutter as render  # type: ignore[import-untyped, unused-ignore]

    # It keeps the answers of the last run in the user's home; here they go where they are read and thrown away.
    kept = Path(request["scratch"])
    settings = kept / "settings.yaml"
    settings.write_text(
        json.dumps({"replay_dir": str(kept / "replay"), "cookiecutters_dir": str(kept / "none")})
    )
    made = render(
        request["source"], no_input=not request["ask"], extra_context=request["data"],
        output_dir=str(kept / "out"), config_file=str(settings), accept_hooks=not request["skip_tasks"],
        checkout=request["ref"] or None,
    )  # fmt: skip
    Path(made).rename(request["folder"])
    (replay,) = (kept / "replay").glob("*.json")
    context = json.loads(replay.read_text(encoding="utf-8"))["cookiecutter"]
    answers = {name: value for name, value in context.items() if not name.startswith("_")}
    # What many templates keep, to be replayed: the address that a person would type, and no folder of this run.
    temporary = {str(context.get(name, "")): request["recorded"] for name in ("_repo_dir", "_template")}
    temporary |= {request["source"]: request["recorded"], str(context.get("_output_dir", "")): "."}
    temporary.pop("", None)
    return {"answers": answers, "secrets": {}, "missing": [], "temporary": temporary}


def answer(question: str, response: str) -> None:
    """Answer one request."""
    request = json.loads(Path(question).read_text(encoding="utf-8"))
    # What a task or a hook prints is talk, and must not get into what mx prints on stdout.
    os.dup2(2, 1)
    try:
        answered = {"copier": copier, "cookiecutter": cookiecutter}[request["kind"]](request)
    except ImportError as error:
        # An extension of the template is not the tool itself.
        answered = {
            "error": "missing" if error.name == request["kind"] else "ImportError",
            "message": str(error),
        }
    except KeyboardInterrupt:
        answered = {"error": "interrupted", "message": ""}
    except Exception as error:
        # Jinja knows where a mistake in a template is, and Copier drops it from the text.
        file, line = getattr(error, "name", None), getattr(error, "lineno", None)
        where = f" ({file}, line {line})" if file and line else ""
        answered = {"error": type(error).__name__, "message": f"{error}{where}"}
    Path(response).write_text(json.dumps(answered, default=str), encoding="utf-8")


def serve() -> None:
    """Answer requests, each in a fork: to import Copier takes longer than to render with it.

    A line on stdin is a JSON list: REQUEST, RESPONSE, the environment, the folder to work in, and after how many seconds
    it is stopped (0: never). A line on stdout is an exit status.
    """
    import contextlib
    import signal

    with contextlib.suppress(ImportError):
        import copier
        from plumbum import local  # through which Copier runs Git and tasks, with an environment of its own

        copier.run_copy  # noqa: B018 (imported when it is named)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        question, response, environment, folder, limit = json.loads(line)
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(limit)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            nothing = os.open(os.devnull, os.O_RDONLY)
            os.dup2(nothing, 0)
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder)
            if "copier" in sys.modules:
                local.env.clear()
                local.env.update(environment)
                local.cwd.chdir(folder)
            try:
                answer(question, response)
            finally:
                os._exit(0)
        status = os.waitpid(child, 0)[1]
        print(status, flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        answer(*sys.argv[1:])
    else:
        serve()
