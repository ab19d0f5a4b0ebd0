"""`CopierTemplate`: a generator whose files and questions are those of a Copier or Cookiecutter template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mxdev.errors import MxError, Refused, UsageProblem
from mxdev.generator.freetext import reveal
from mxdev.generator.generator import Freshness, Generator, Occasion
from mxdev.generator.options import Option, Pattern, option
from mxdev_generators.template.questions import Question, Questionnaire
from mxdev_generators.template.source import Template

if TYPE_CHECKING:
    from mxdev.generator.tree import Tree
    from mxdev_generators.template import scratch
    from mxdev_generators.template.scratch import Rendered

_COMMON = "--dry-run --pretend --diff --json --no-input --on-conflict --allow-downgrade --values --help --source --as"
_BELOW = r"(?!/)(?!.*(?:^|/)\.{1,2}(?:/|$))[^\\]*"
_FOLDER = Pattern(_BELOW, "a folder below the project", metavar="FOLDER")
_FILE = Pattern(_BELOW, "a file below the project", metavar="FILE")
_ELSEWHERE = "Render the template into another folder of the project: --into FOLDER."
DIRECTORY = Pattern(_BELOW, "a folder of the repository", metavar="FOLDER")


def _folder(text: str) -> str:
    return "/".join(part for part in text.split("/") if part)


class CopierTemplate(Generator):
    """Files of a Copier or Cookiecutter template.

    A plugin's generator names the template:

        class Service(CopierTemplate):
            source = "gh:acme/service-template"
            ref = "v2.1.0"

    Attributes:
        source: a Git repository's address, or a folder beside the module of the class.
        ref: a tag, branch or commit; "" for the newest release. `--ref` says another.
        directory: the folder of the repository that the template is in (Cookiecutter only); "" for its root.
        trusted: the template may run its tasks and load its extensions without `--trust`, as the plugin's code may.
    """

    source: ClassVar[str] = ""
    ref: ClassVar[str] = ""
    directory: ClassVar[str] = ""
    trusted: ClassVar[bool] = False
    template: ClassVar[Template | None] = None
    questionnaire: ClassVar[Questionnaire] = Questionnaire("copier")
    occasion: Occasion = Occasion()
    options: ClassVar[tuple[Option, ...]] = (
        option("--ref", default="", help="A tag, branch or commit of the template; else the newest release."),
        option("--into", type=_FOLDER, default="", help="Render into this folder of the project."),
        option("--answers-file", type=_FILE, default="", help="Where Copier's answers file is to be."),
        option("--trust", is_flag=True, help="Let the template run its tasks and load its extensions."),
        option("-d", "--data", multiple=True, help="An answer, as NAME=VALUE; may be repeated."),
    )

    @classmethod
    def specialise(
        cls, options: Mapping[str, Any], freshness: Freshness, recorded: Mapping[str, Any]
    ) -> type[Generator]:
        """The class with the questions of the template's version that `options` mean."""
        from mxdev_generators.template import questions, source

        base = cls._base()
        address = base._address() or str(options.get("source") or "")
        if not address:
            return cls
        asked_for = str(options.get("ref") or "")
        same = asked_for == (recorded.get("ref") or "")
        if "source" in recorded:
            same = same and recorded["source"] == source.recorded(address)
        last = str(recorded.get("commit") or "") if same else ""
        found = source.resolve(address, asked_for or base.ref, freshness, last)
        found = replace(found, directory=_folder(str(options.get("directory") or base.directory)))
        if found == cls.template:
            return cls
        read = questions.read(found, cls._taken())
        asked = tuple(q.option for q in read.questions.values() if not q.computed)
        made = type(cls.__name__, (base,), {
            "__doc__": cls.__doc__, "__module__": cls.__module__, "template": found, "questionnaire": read,
            "options": (*base.options, *asked),
        })  # fmt: skip
        assert issubclass(made, CopierTemplate)
        return made

    @classmethod
    def _base(cls) -> type[CopierTemplate]:
        """The class as its author wrote it: `cls` may be one that was made of it, for a version of the template."""
        base = next(c for c in cls.__mro__ if "template" not in vars(c) or c is CopierTemplate)
        assert issubclass(base, CopierTemplate)
        return base

    @classmethod
    def _taken(cls) -> set[str]:
        """The flags that no question can have."""
        base = cls._base()
        return {flag for o in (*base.arguments, *base.options) for flag in o.flags} | set(_COMMON.split())

    @classmethod
    def _address(cls) -> str:
        """The template's address, "" where an argument says it; a folder is meant beside the module."""
        if not cls.source:
            return ""
        import sys

        home = Path(sys.modules[cls.__module__].__file__ or "").parent
        return str(home / cls.source) if (home / cls.source).is_dir() else cls.source

    def generate_on(self, tree: Tree, occasion: Occasion) -> None:
        """Bring in what the template renders; what is there already decides about questions and versions."""
        self.occasion = occasion
        self.generate(tree)

    def generate(self, tree: Tree) -> None:
        """Bring in what the template renders."""
        if self.template is None:
            raise UsageProblem(f"{type(self).__name__} does not say which template it means.")
        self._refuse_another()
        if self._unchanged(tree):
            return
        given = self._given()
        rendered = self._render(given)
        self._refuse_secrets(given, rendered)
        for path, content in rendered.files.items():
            place = self._place(path)
            found: tuple[bytes, bool] | None = content
            if path in rendered.skipped:
                found = self._as_it_is(place, content)
            if found is not None:
                tree.file(place, found[0], executable=found[1], if_taken=_ELSEWHERE)
        asked = self.questionnaire.questions
        answers = {n: q.recorded(rendered.answers[n]) for n, q in asked.items() if n in rendered.answers}
        self._remember(tree, {asked[name].option.name: value for name, value in answers.items()})
        tree.say(rendered.before, first=True)
        tree.say(rendered.after)

    @property
    def _into(self) -> str:
        return _folder(str(reveal(self.values.into)))

    def _place(self, path: str) -> str:
        return f"{self._into}/{path}" if self._into else path

    def _remember(self, tree: Tree, answers: Mapping[str, Any]) -> None:
        """What is recorded beside the options: which version, and every answer, as Copier's answers file would have it."""
        assert self.template is not None
        names = [question.option.name for question in self.questionnaire.questions.values()]
        tree.remember({**dict.fromkeys(names), **answers, "trust": None, "data": None})
        tree.remember({"commit": self.template.commit or None})
        if "source" in self.values:
            tree.remember({"source": self.template.source})

    def _refuse_another(self) -> None:
        """A second template of the same name is another instance, and not a new version of the first."""
        occasion = self.occasion
        if occasion.record is None or "source" not in self.values or occasion.freshness != "newest":
            return
        assert self.template is not None
        before = occasion.record.options.get("source")
        if before != self.template.source and occasion.origin.get("as") in ("default", "project"):
            raise Refused(
                f"{self.instance} is there, from {before}.",
                hint="Say `--as NAME` to add this one under another name, or "
                f"`mx set {self.instance}.source={self.template.source}` to take it from there from now on.",
            )

    def _given(self) -> dict[str, Any]:
        """Answers by question that were given now: `--data`, then the options."""
        given: dict[str, Any] = {}
        typed = {**self.values, **self.occasion.secrets}
        for name, question in self.questionnaire.questions.items():
            value = reveal(typed.get(question.option.key))
            origin = self.occasion.origin.get(question.option.name, "default")
            if origin not in ("project", "default") and value is not None:
                given[name] = list(value) if question.option.multiple else value
                question.check(given[name])
        for item in self.values.data:
            name, equals, value = str(reveal(item)).partition("=")
            if not equals or name not in self.questionnaire.questions:
                known = ", ".join(self.questionnaire.questions) or "nothing"
                raise UsageProblem(f"--data {name}: write NAME=VALUE; the template asks for {known}.")
            given[name] = value
        return given

    def _last(self) -> dict[str, Any]:
        """Answers by question as they are recorded."""
        recorded = self.occasion.recorded
        questions = self.questionnaire.questions.items()
        return {name: recorded[q.option.name] for name, q in questions if q.option.name in recorded}

    def _render(self, given: Mapping[str, Any], *, ask: bool = True, tasks: bool = True) -> Rendered:
        from mxdev_generators.template import scratch

        assert self.template is not None
        project, settings = self.occasion.project, self.questionnaire.settings
        last, trust, kind = self._last(), self._trusts(), self.questionnaire.kind
        looks = trust and self.occasion.reading and not self._told_to_trust
        trust = trust and not looks
        if kind == "cookiecutter" and looks:
            raise self._refuse_to_look()
        if kind == "cookiecutter" and not trust:
            # Cookiecutter renders without a sandbox: its templates can run code even without hooks and extensions.
            raise scratch.needs_trust(self.template.title, "Cookiecutter, which has no sandbox")
        if kind == "cookiecutter":
            last, given = self._mappings(last), self._mappings(given)
        ask = ask and self._asks
        if not ask:
            self._require({**last, **given})
        root = project.root if project is not None else Path("project")
        request = scratch.RenderRequest(
            self.template, kind, given, last, ask, trust, self._into.rpartition("/")[2] or root.name,
            self._answers_file, tasks, tuple(map(str, dict(settings.get("external_data") or {}).values())), *self._before(),
            last_before=self._last_before(),
            place=str(root / self._into), updates=self.occasion.record is not None,
        )  # fmt: skip

        def read(path: str) -> bytes | None:
            return project.read(self._place(path)) if project is not None else None

        try:
            return scratch.render(request, read, skips=bool(settings.get("skip_if_exists")))
        except scratch.NeedsTrust as error:
            if looks:
                raise self._refuse_to_look() from error
            raise

    def _mappings(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Cookiecutter wants the answers that are mappings as such; Copier reads them itself."""
        import json

        known, found = self.questionnaire.questions, dict(answers)
        for name, value in answers.items():
            if known[name].type == "json" and isinstance(value, str):
                try:
                    found[name] = json.loads(value)
                except ValueError as error:
                    raise UsageProblem(f"{known[name].option.spelling} is not JSON: {error}") from error
        return found

    def _before(self) -> tuple[scratch.Files | None, str]:
        """What was rendered last and from which commit, where the template has migrations: they change that."""
        project, record = self.occasion.project, self.occasion.record
        commit = str(self.occasion.recorded.get("commit") or "")
        if (
            not self.questionnaire.settings.get("migrations")
            or project is None
            or record is None
            or not commit
        ):
            return None, ""
        before: scratch.Files = {}
        head = f"{self._into}/" if self._into else ""
        for path, file in record.files.items():
            data = project.pristine(record.name, path)
            if data is not None and path.startswith(head):
                before[path.removeprefix(head)] = (data, file.executable)
        return before, commit

    def _last_before(self) -> dict[str, Any]:
        """Recorded answers to what the version before asked: where there are migrations it is rendered once more."""
        from mxdev_generators.template import questions

        commit = str(self.occasion.recorded.get("commit") or "")
        if not self.questionnaire.settings.get("migrations") or self.occasion.record is None or not commit:
            return {}
        assert self.template is not None
        mirror = self.template.mirror
        if mirror is None or mirror.commit(commit) is None:
            return {}
        asked = questions.read(replace(self.template, commit=commit), self._taken()).questions
        recorded = self.occasion.recorded
        return {name: recorded[q.option.name] for name, q in asked.items() if q.option.name in recorded}

    @property
    def _answers_file(self) -> str:
        """Where Copier's answers file is to be; "" where only Copier knows."""
        chosen = _folder(str(reveal(self.values.answers_file)))
        static = str(self.questionnaire.settings.get("answers_file") or "")
        return chosen or ("" if "{" in static or "[" in static else static)

    @property
    def _asks(self) -> bool:
        return self.occasion.ask and self.occasion.record is None

    def _require(self, answers: Mapping[str, Any]) -> None:
        """One error for all answers that are missing; of questions that are only sometimes asked, Copier tells."""
        wanted = [q for name, q in self.questionnaire.questions.items() if q.required and name not in answers]
        if wanted:
            raise UsageProblem("\n".join(map(_missing, wanted)))

    def _trusts(self) -> bool:
        from mxdev_generators.template import trust

        assert self.template is not None
        # A record never trusts: whoever wrote the project would decide what runs on its users' machines.
        if self._told_to_trust:
            if self.occasion.freshness == "newest" and not self.occasion.reading:
                trust.trust(self.template.source, self.template.identity)
            return True
        return self.trusted or [self.template.source, self.template.identity] in trust.trusted()

    @property
    def _told_to_trust(self) -> bool:
        """Whether the command line says `--trust`."""
        return bool(self.values.trust) and self.occasion.origin.get("trust") not in ("project", "default")

    def _refuse_to_look(self) -> Refused:
        assert self.template is not None
        return Refused(
            f"The template {self.template.title} runs its authors' code when it is rendered, which a command that only looks "
            "does not do.",
            hint="`mx update` renders it, and shows the plan before it writes.",
        )

    def _refuse_secrets(self, given: Mapping[str, Any], rendered: Rendered) -> None:
        """mx keeps what it rendered, so a secret that is in it would be recorded."""
        secrets = {name: q for name, q in self.questionnaire.questions.items() if q.option.secret}
        if not secrets or not (self._asks or any(name in given for name in secrets)):
            return
        plain = {name: value for name, value in {**rendered.answers, **given}.items() if name not in secrets}
        without = self._render(plain, ask=False, tasks=False)
        if self.questionnaire.settings.get("tasks"):
            compared = self._render({**plain, **rendered.secrets}, ask=False, tasks=False)
        else:
            compared = rendered
        values = [
            str(value) for name, value in rendered.secrets.items() if value != without.secrets.get(name)
        ]
        needles = [value.encode() for value in values if len(value) > 3]
        bad = [
            path for path, content in compared.files.items() if content != without.files.get(path, content)
        ]
        bad += [path for path in compared.files if path not in without.files]
        bad += [path for path, content in rendered.files.items() if any(n in content[0] for n in needles)]
        if bad:
            raise MxError(
                f"The template writes {' or '.join(q.option.spelling for q in secrets.values())} into "
                f"{', '.join(sorted(set(bad)))}, and mx keeps what it renders with the project.",
                hint="Leave it out, and put the secret into the file afterwards: mx keeps your edit.",
            )

    def _as_it_is(self, place: str, rendered: tuple[bytes, bool]) -> tuple[bytes, bool] | None:
        """A file that the template does not render over: as it was rendered first, and none of mx's if it was there before."""
        project, record = self.occasion.project, self.occasion.record
        if project is None:
            return rendered
        if record is not None and place in record.files:
            data = project.pristine(record.name, place)
            return rendered if data is None else (data, record.files[place].executable)
        return rendered if project.read(place) is None else None

    def _unchanged(self, tree: Tree) -> bool:
        """Fill the tree with what was rendered last, if the same version with the same answers would be rendered now.

        So no template is rendered, and no task run, only to find out that nothing is new.
        """
        assert self.template is not None
        project, record, recorded = self.occasion.project, self.occasion.record, self.occasion.recorded
        if project is None or record is None or not self.template.commit or self._given():
            return False
        now = {"commit": self.template.commit, "source": self.template.source}
        asked = {question.option.name for question in self.questionnaire.questions.values()}
        now |= {
            o.name: _stored(self.values[o.key])
            for o in self.declared()
            if o.name not in (*now, *_NEVER, *asked)
        }
        if "source" not in self.values:
            del now["source"]
        if any(recorded.get(name) != value for name, value in now.items()):
            return False
        if record.version != self.plugin_version or self.questionnaire.settings.get("external_data"):
            return False
        pristine = {path: project.pristine(record.name, path) for path in record.files}
        if None in pristine.values():
            return False
        self._trusts()
        for path, data in pristine.items():
            tree.file(path, data or b"", executable=record.files[path].executable)
        self._remember(tree, {name: recorded[name] for name in asked if name in recorded})
        return True


def _missing(question: Question) -> str:
    asked, flag = question.option.help.partition("  [")[0].rstrip("."), question.option.spelling
    stop = "" if asked.endswith(("?", "!", ":")) else "."
    return f"{flag} is missing: {asked}{stop} Set it by {flag} VALUE, --data {question.name}=VALUE or --values FILE."


_NEVER = ("trust", "data")


def _stored(value: Any) -> Any:
    plain = reveal(value)
    return list(plain) if isinstance(plain, tuple) else plain
