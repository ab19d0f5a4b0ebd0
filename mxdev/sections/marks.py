"""The lines around a section of a text file: comments of the file's language, so that its tools see none of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from mxdev.errors import MxError

_BEGIN = ">>> mx:"
_END = "<<< mx:"


@dataclass(frozen=True)
class Marks:
    """How a line of comment begins and ends: `# ` and nothing, or `<!-- ` and ` -->`."""

    before: str
    after: str = ""

    def begin(self, name: str) -> str:
        """The line above a section."""
        return f"{self.before}{_BEGIN}{name}{self.after}"

    def end(self, name: str) -> str:
        """The line below a section."""
        return f"{self.before}{_END}{name}{self.after}"

    def begins(self, line: str) -> str | None:
        """The name in a line that stands above a section, without its line break; None: it is no such line."""
        return self._named(line, _BEGIN)

    def ends(self, line: str) -> str | None:
        """The name in a line that stands below a section, without its line break; None: it is no such line."""
        return self._named(line, _END)

    def _named(self, line: str, mark: str) -> str | None:
        head = self.before + mark
        line = line.rstrip()
        if not line.startswith(head) or not line.endswith(self.after):
            return None
        return line[len(head) : len(line) - len(self.after)]


_HASH = Marks("# ")
_SLASHES = Marks("// ")
_TAG = Marks("<!-- ", " -->")
_STARS = Marks("/* ", " */")
_DASHES = Marks("-- ")
_PERCENT = Marks("% ")
_SEMICOLON = Marks("; ")

_LANGUAGES: dict[Marks, str] = {
    _HASH: "py pyi pyx sh bash zsh fish ps1 toml cfg conf env envrc properties tf tfvars hcl rb pl pm r jl nix awk sed tcl ex exs cr "
    "mk make mak cmake dockerfile containerfile service timer socket mount desktop gitignore dockerignore ignore nomad "
    "rego graphql gql ini in txt cff smk star bzl bazel tcsh csh gd po",
    _SLASHES: "js mjs cjs jsx ts mts cts tsx java kt kts scala groovy gradle c h cc cpp cxx hpp hh cu cuh cs go rs swift dart proto "
    "php zig sol jsonc json5 scss sass less jsonnet libsonnet fs mod cue ino v sv metal wgsl glsl bicep",
    _TAG: "md markdown mdx html htm xhtml xml xsd xsl xslt svg vue svelte pom csproj plist",
    _STARS: "css",
    _DASHES: "sql lua hs elm adb ads vhd vhdl ddl",
    _PERCENT: "tex sty cls bib erl hrl",
    _SEMICOLON: "lisp el clj cljs edn scm rkt asm s",
    Marks(":: "): "bat cmd",
    Marks('" '): "vim",
    Marks("' "): "vb vbs bas",
    Marks("! "): "f90 f95 f03",
}  # fmt: skip
_BY_ENDING = {ending: marks for marks, endings in _LANGUAGES.items() for ending in endings.split()}
_BY_ENDING["mdx"] = Marks("{/* ", " */}")

_BEGINNINGS = ("dockerfile.", "containerfile.", "makefile.", ".env.")

# Files whose name says no language by its ending. All others without an ending have comments that begin with `#`, as
# `Makefile`, `Dockerfile`, `.gitignore` and `CODEOWNERS` have.
_BY_NAME: dict[str, Marks | None] = {
    "jenkinsfile": _SLASHES, ".vimrc": _BY_ENDING["vim"], "license.txt": None, "readme.txt": None,
    "license": None, "licence": None, "notice": None, "copying": None, "authors": None,
    "readme": None, "changelog": None, ".babelrc": None, ".eslintrc": None, ".prettierrc": None, ".swcrc": None,
    ".python-version": None, ".node-version": None, ".nvmrc": None, "version": None,
}  # fmt: skip


def marks_of(path: str) -> Marks:
    """The comments of a file's language.

    Raises:
        MxError: the language has none that is a line of its own, or mx does not know it.
    """
    name = PurePosixPath(path).name.lower()
    ending = PurePosixPath(name).suffix.removeprefix(".")
    if name in _BY_NAME:
        found = _BY_NAME[name]
    else:
        plain = not ending or (name.startswith(_BEGINNINGS) and ending not in _BY_ENDING)
        found = _HASH if plain else _BY_ENDING.get(ending)
    if found is None:
        raise MxError(
            f"{path} can have no sections: they stand between lines of comment, and mx knows of none that this kind of file takes.",
            hint="Render a file of its own, or a section of a kind of file that has comments.",
        )
    return found
