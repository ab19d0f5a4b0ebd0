"""The project's serialized state: `mx.yaml` and one record an instance. Formats, migrations, refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mxdev.errors import MxError

FORMAT = 1
PROJECT_FILE = "mx.yaml"
RECORDS = ".mx/generators"
PRISTINE = ".mx/pristine"
PRIVATE = ".mx/private"

# One function for each step between formats: MIGRATIONS[n] turns the data of format n into format n + 1.
MIGRATIONS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

_LARGEST_RECORD = 16 << 20  # a record has a line for each file
_MARKERS = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRecord:
    """A file that an instance rendered: the pristine bytes' hash, how it came here, and where the person moved it.

    Of a `private` one, which Git ignores, what was rendered last stays on this machine.
    """

    sha256: str
    executable: bool = False
    adopted: bool = False
    declined: bool = False
    moved: str = ""
    private: bool = False


@dataclass(frozen=True)
class SectionRecord:
    """A section that an instance rendered; `trace` is what must be taken back beside it (see `mxdev.sections.sections`)."""

    path: str
    address: str
    sha256: str
    trace: dict[str, Any] = field(default_factory=dict)
    adopted: bool = False
    declined: bool = False


@dataclass(frozen=True)
class TemplateRecord:
    """An override of a template: its hash, and that of the template it stands for, when the override last changed."""

    sha256: str
    replaces: str


@dataclass(frozen=True)
class Record:
    """What is known of one instance.

    `retired` are the project options that an earlier version declared, that no generator at hand declares now, and that `mx.yaml`
    has still: whoever knows all generators of the project drops them.
    """

    name: str
    generator: str
    plugin: str
    version: str
    options: dict[str, Any] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    files: dict[str, FileRecord] = field(default_factory=dict)
    sections: tuple[SectionRecord, ...] = ()
    templates: dict[str, TemplateRecord] = field(default_factory=dict)
    retired: tuple[str, ...] = ()


class Conflicted(MxError):
    """A state file has the markers of a merge in it."""


def record_path(instance: str) -> str:
    """Where an instance's record is. A colon is not a character for a file name on every system."""
    return f"{RECORDS}/{instance.replace(':', '.')}.yaml"


def pristine_path(instance: str, path: str, *, private: bool = False) -> str:
    """Where what `instance` rendered last for `path` is kept; `private`: where Git does not see it."""
    return f"{PRIVATE if private else PRISTINE}/{instance.replace(':', '.')}/{path}.pristine"


def pristine_sections_path(instance: str, path: str) -> str:
    """Where the sections that `instance` rendered last for the shared file `path` are kept."""
    return f"{PRISTINE}/{instance.replace(':', '.')}/{path}.sections.pristine"


def pristine_template_path(instance: str, template: str) -> str:
    """Where a template is kept that an override stands for, as it was when the override last changed."""
    return f"{PRISTINE}/{instance.replace(':', '.')}/{template}.template.pristine"


def parse(data: bytes, where: str) -> dict[str, Any]:
    """The mapping in a state file, migrated to this format.

    Raises:
        MxError: it is empty, torn, full of merge markers, from a newer mx; the message says what to do.
    """
    from mxdev.sections.yaml.values import LARGEST, load

    if _MARKERS.search(data):
        raise Conflicted(
            f"{where} has Git's merge markers in it, so mx cannot tell what is true.",
            hint="Run `mx resolve`; what it cannot tell, resolve as in any file.",
        )
    largest = _LARGEST_RECORD if where.startswith(RECORDS) else LARGEST
    # A person edits mx.yaml: what is wrong there is put right, not thrown away.
    restore = _RESTORE.format(where=where) if where.startswith(RECORDS) else None
    loaded = load(data, where, hint=restore, largest=largest)
    if loaded is None:
        raise MxError(f"{where} is empty.", hint=_RESTORE.format(where=where))
    if not isinstance(loaded, dict):
        raise MxError(f"{where} is not a mapping.", hint=restore or "Write one `key: value` a line.")
    return _migrate(loaded, where)


def format_of(data: bytes) -> int:
    """The version of the format that a state file is written in, once `parse` has accepted it."""
    found = re.search(rb"^version:\s*(\d+)", data, re.MULTILINE)
    return int(found[1]) if found else FORMAT


# By what installed it, which knows from where; the name alone is nobody's at the package index.
UPDATE_MX = "Update mx: `uv tool upgrade mx-devtool`, or `pipx upgrade mx-devtool`."
_RESTORE = "Take it back from version control: `git checkout -- {where}`."


def _migrate(data: dict[str, Any], where: str) -> dict[str, Any]:
    version = data.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        own = f"Write `version: {FORMAT}` on a line of its own."
        raise MxError(
            f"{where} does not say the version of its format.",
            hint=_RESTORE.format(where=where) if where.startswith(RECORDS) else own,
        )
    if version > FORMAT:
        raise MxError(
            f"{where} was written by a newer mx (format {version}; this mx knows up to {FORMAT}).",
            hint=UPDATE_MX,
        )
    while version < FORMAT:
        data = MIGRATIONS[version](data)
        version += 1
    return data


def read_record(data: bytes, where: str) -> Record:
    """An instance's record.

    Raises:
        MxError: see `parse`; also when a field is not of its form.
    """
    raw = parse(data, where)
    try:
        files = {
            str(path): FileRecord(
                _sha(item["sha256"]),
                item.get("executable", False),
                item.get("adopted", False),
                item.get("declined", False),
                str(item.get("moved") or ""),
                bool(item.get("private", False)),
            )
            for path, item in (raw.get("files") or {}).items()
        }
        sections = tuple(
            SectionRecord(
                str(item["path"]), str(item["address"]), _sha(item["sha256"]), _trace(item.get("trace") or {}),
                item.get("adopted", False), item.get("declined", False),
            )
            for item in raw.get("sections") or ()
        )  # fmt: skip
        templates = {
            str(path): TemplateRecord(_sha(item["sha256"]), _sha(item["replaces"]))
            for path, item in (raw.get("templates") or {}).items()
        }
        return Record(
            str(raw["instance"]), str(raw["generator"]), str(raw["plugin"]), str(raw["plugin-version"]),
            dict(raw.get("options") or {}), tuple(map(str, raw.get("requires") or ())), files, sections, templates,
            tuple(map(str, raw.get("retired") or ())),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MxError(
            f"{where} is not a record of a generator: {type(error).__name__}: {error}",
            hint=_RESTORE.format(where=where),
        ) from error


def _sha(value: object) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError(f"{value!r} is not a SHA-256")
    return value


def _trace(value: object) -> dict[str, Any]:
    """What a section brought with it, in its form (see `mxdev.sections.traces`)."""
    if not isinstance(value, dict) or not isinstance(value.get("file", False), bool):
        raise ValueError(f"{value!r} is not a trace of a section")
    for name in ("containers", "newline"):
        texts = value.get(name, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{texts!r} is not a list of texts ({name} of a section)")
    return dict(value)


def write_record(record: Record) -> bytes:
    """A record as it is stored: one line a file, sorted, so that Git merges and diffs it well."""
    from mxdev.generator.languages import to_yaml

    lines = [
        "# Written by mx: what this generator rendered last. Commit it; do not edit it.",
        f"version: {FORMAT}",
        f"instance: {scalar(record.name)}",
        f"generator: {scalar(record.generator)}",
        f"plugin: {scalar(record.plugin)}",
        f"plugin-version: {to_yaml(record.version)}",
        f"requires: {flow(list(record.requires))}",
    ]
    lines += [f"retired: {flow(list(record.retired))}"] if record.retired else []
    lines += _block("options", [f"  {scalar(name)}: {flow(value)}" for name, value in record.options.items()])
    lines += _block(
        "files", [f"  {scalar(path)}: {_file(file)}" for path, file in sorted(record.files.items())]
    )
    lines += _block(
        "templates",
        [
            f'  {scalar(path)}: {{sha256: "{one.sha256}", replaces: "{one.replaces}"}}'
            for path, one in sorted(record.templates.items())
        ],
    )
    lines += _block("sections", [f"  - {_section(section)}" for section in record.sections])
    return ("\n".join(lines) + "\n").encode("utf-8")


def _block(key: str, lines: list[str]) -> list[str]:
    return [f"{key}:", *lines] if lines else []


def _file(file: FileRecord) -> str:
    flags = {name: True for name in ("executable", "adopted", "declined", "private") if getattr(file, name)}
    return _hashed({"sha256": file.sha256, **flags, **({"moved": file.moved} if file.moved else {})})


def _section(section: SectionRecord) -> str:
    fields: dict[str, Any] = {"path": section.path, "address": section.address, "sha256": section.sha256}
    fields |= {"trace": section.trace} if section.trace else {}
    return _hashed(fields | {name: True for name in ("adopted", "declined") if getattr(section, name)})


def _hashed(fields: dict[str, Any]) -> str:
    # Always quoted: some hashes would be numbers, and a list that is half quoted reads badly.
    return flow(fields).replace(f"sha256: {fields['sha256']}", f'sha256: "{fields["sha256"]}"')


_PLAIN = re.compile(r"\.?[A-Za-z_/][A-Za-z0-9_./@+-]*")
_WORDS = frozenset(["y", "n", "yes", "no", "on", "off", "true", "false", "null", ".inf", ".nan"])


def scalar(value: Any) -> str:
    """A string, number, flag or None as YAML on one line, plain where that is safe in every YAML."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    from mxdev.generator.languages import to_yaml

    return to_yaml(value)


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def new_project_file(options: Mapping[str, Any], requires_mx: str) -> bytes:
    """`mx.yaml` of a new project."""
    lines = [
        "# What mx knows of this project. Commit it. You may edit the options; `mx update` renders with them.",
        f"version: {FORMAT}",
        f"requires-mx: {scalar(requires_mx)}",
        *_block("options", [f"  {scalar(name)}: {flow(value)}" for name, value in options.items()]),
    ]
    return ("\n".join(lines) + "\n").encode("utf-8")
