"""Jinja as mx uses it: immutable sandbox, language filters, free text that stays free text, compiled-template cache.

Imports Jinja: import this module only where something is rendered.
"""

from __future__ import annotations

import functools
import io
import operator
from collections.abc import Callable, Mapping
from pathlib import Path
from types import GeneratorType
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.compiler import CodeGenerator, Frame
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mxdev.errors import MxError
from mxdev.generator import bounds
from mxdev.generator.freetext import FreeText, FreeTextError, conceal, contains, reveal
from mxdev.generator.languages import FILTERS
from mxdev.system.files import private
from mxdev.version import __version__

# What would make the same inputs give other bytes: a template is a pure function.
_IMPURE_FILTERS = ("random",)
_IMPURE_GLOBALS = ("lipsum",)
# Of these the result may be larger by far than what they get.
_GROWING = frozenset(
    (
        "center",
        "slice",
        "batch",
        "indent",
        "round",
        "tojson",
        "pprint",
        "format",
        "replace",
        "wordwrap",
        "join",
    )
)
_LAZY = (GeneratorType, map, filter, zip)


class RenderError(MxError):
    """A template cannot be rendered; the message names the template, the line and the cause."""


def _settle(value: Any) -> Any:
    # A lazy iterable can be looked into only once: make it a list.
    return list(value) if isinstance(value, _LAZY) else value


def _through(function: Callable[..., Any], skip: int = 0, name: str = "") -> Callable[..., Any]:
    """`function`, but what it makes of free text is free text; the first `skip` arguments are Jinja's own.

    Of Jinja's filter `name` the size of its result is bounded.
    """

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        own, rest = args[:skip], [_settle(item) for item in args[skip:]]
        keywords = {key: _settle(item) for key, item in keywords.items()}
        what = f"the filter `{name}`" if name else "a filter of a plugin"
        bounds.check(what, bounds.of_value([rest, keywords]))
        free = contains(rest) or contains(keywords)
        told, named = (reveal(rest), reveal(keywords)) if free else (rest, keywords)
        if name in _GROWING:
            bounds.check(what, bounds.of_filter(name, told, named))
        if not free:
            return function(*own, *rest, **keywords)
        return conceal(_settle(function(*own, *told, **named)))

    return call


def _of_plugin(function: Callable[..., Any]) -> Callable[..., Any]:
    """A plugin's filter as Jinja is to call it."""
    through = _through(lambda *args, **keywords: function(*args, **keywords))

    # It takes the context, so that Jinja does not call it while compiling: compiled templates outlive a plugin's update.
    @jinja2.pass_context
    def call(context: Any, *args: Any, **keywords: Any) -> Any:
        return through(*args, **keywords)

    return call


def _bounded(name: str, function: Callable[[Any], str]) -> Callable[[Any], str]:
    """A language's filter, for values of which a file can be made."""

    @functools.wraps(function)
    def call(value: Any) -> str:
        bounds.check(f"the filter `{name}`", bounds.of_value(value))
        return function(value)

    return call


class _Namespace(jinja2.utils.Namespace):
    """Jinja's, but it is no text of what is in it, which might be in itself or too large."""

    def __repr__(self) -> str:
        return "<namespace>"


def _emit(value: Any) -> Any:
    """Jinja's finalizer: nothing that holds free text is emitted, and nothing too large."""
    bounds.check("{{ ... }}", bounds.of_value(value))
    if contains(value):
        raise FreeTextError(
            "free text is emitted without the filter of its language; write {{ ... | yaml }} "
            "(or hcl toml json py sh md rst html dockerfile comment)"
        )
    return value


class _Compiler(CodeGenerator):
    """Jinja's compiler, but `a ~ b` asks the environment, which knows free text."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 (the base class's name)
        self.write("environment.concat_values((")
        for item in node.nodes:
            self.visit(item, frame)
            self.write(", ")
        self.write("))")

    def visit_CondExpr(self, node: nodes.CondExpr, frame: Frame) -> None:  # noqa: N802
        # Without `else` Jinja gives an undefined value; here it is nothing, so that a name can leave a file out.
        if node.expr2 is None:
            node.expr2 = nodes.Const("", lineno=node.lineno)
        super().visit_CondExpr(node, frame)


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox that templates run in."""

    code_generator_class = _Compiler
    intercepted_binops = frozenset(["%", "+", "*", "**"])
    _operators: Mapping[str, Callable[[Any, Any], Any]] = {
        "%": operator.mod, "+": operator.add, "*": operator.mul, "**": operator.pow,
    }  # fmt: skip

    def __init__(
        self, cache: BytecodeCache | None = None, filters: Mapping[str, Callable[..., Any]] | None = None
    ) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,
            finalize=_emit,
            bytecode_cache=cache,
            cache_size=0,
        )
        for name, function in self.filters.items():
            self.filters[name] = _through(
                function, skip=1 if hasattr(function, "jinja_pass_arg") else 0, name=name
            )
        for name in _IMPURE_FILTERS:
            del self.filters[name]
        for name in _IMPURE_GLOBALS:
            del self.globals[name]
        self.filters.update({name: _of_plugin(function) for name, function in (filters or {}).items()})
        self.filters.update({name: _bounded(name, function) for name, function in FILTERS.items()})
        self.globals["namespace"] = _Namespace

    def concat_values(self, values: tuple[Any, ...]) -> Any:
        """What `~` gives: free text, if any part of it is."""
        bounds.check("`~`", sum(map(bounds.of_value, values)))
        if contains(values):
            return FreeText("".join(str(reveal(value)) for value in values))
        return "".join(str(value) for value in values)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """What an operator gives, of a size that a file can have; with free text on either side of `%` or `+` it is free text."""
        bounds.check(f"`{operator}`", max(bounds.of_value(left), bounds.of_value(right)))
        bounds.check(f"`{operator}`", bounds.of_operator(operator, reveal(left), reveal(right)))
        if contains(left) or contains(right):
            return conceal(self._operators[operator](reveal(left), reveal(right)))
        return self._operators[operator](left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **keywords: Any) -> Any:  # noqa: N805 (as in Jinja)
        """A call in a template: the methods of strings and lists take free text and give it."""
        # The sandbox hands out `str.format` behind a wrapper that remembers the method.
        owner = getattr(getattr(__obj, "__wrapped__", __obj), "__self__", None)
        if isinstance(owner, str | bytes | int | list | tuple | dict):
            args, keywords = tuple(map(_settle, args)), {key: _settle(item) for key, item in keywords.items()}
            if isinstance(owner, str | bytes | int):
                name = getattr(getattr(__obj, "__wrapped__", __obj), "__name__", "")
                bounds.check(f"`{name}`", bounds.of_value([args, keywords]))
                bounds.check(f"`{name}`", bounds.of_method(owner, name, reveal(args), reveal(keywords)))
            if isinstance(owner, str) and (contains(args) or contains(keywords)):
                return conceal(super().call(__context, __obj, *reveal(args), **reveal(keywords)))
        return super().call(__context, __obj, *args, **keywords)


class FileCache(BytecodeCache):
    """Compiled templates in one folder; written aside and renamed, so that concurrent runs are safe.

    They are code: one that another user could have written is not loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, bucket: Bucket) -> Path:
        return self.folder / f"{bucket.key}.{bucket.checksum[:16]}"

    def load_bytecode(self, bucket: Bucket) -> None:
        """Fill `bucket` from disk; anything unreadable counts as absent."""
        data = private.read(self._path(bucket))
        try:
            if data is not None:
                bucket.load_bytecode(io.BytesIO(data))
        except Exception:  # a damaged pickle may raise anything
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep `bucket`; a cache that cannot be written only costs time."""
        file = io.BytesIO()
        bucket.write_bytecode(file)
        private.write(self._path(bucket), file.getvalue())


def default_cache() -> FileCache:
    """The cache in the user's cache folder, one for each version of mx and Jinja."""
    from mxdev.system.user_dirs import cache_folder

    return FileCache(cache_folder() / f"templates-{__version__}-{jinja2.__version__}")


class Renderer:
    """Renders texts of one generator with one set of variables.

    Args:
        variables: what templates see.
        filters: more filters, from plugins.
        cache: where compiled templates are kept; None compiles anew.
    """

    def __init__(
        self,
        variables: Mapping[str, Any],
        *,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        cache: BytecodeCache | None = None,
    ) -> None:
        self.variables = dict(variables)
        self.environment = Environment(cache, filters)

    def render(self, source: str, where: str) -> str:
        """Render `source`; `where` names the template in errors and in the cache.

        Raises:
            RenderError: syntax, undefined names, free text without a filter, anything the sandbox forbids.
        """
        try:
            template = self._compile(source, where)
            return str(template.render(self.variables))
        except jinja2.TemplateSyntaxError as error:
            raise RenderError(f"{where}:{error.lineno}: {error.message}") from error
        except (
            Exception
        ) as error:  # whatever a template or a plugin's filter raises, the template has to be named
            raise RenderError(
                f"{where}:{_line_of(error, _plain(where))}: {error or type(error).__name__}"
            ) from error

    def _compile(self, source: str, where: str) -> jinja2.Template:
        where = _plain(where)
        environment, cache = self.environment, self.environment.bytecode_cache
        if cache is None:
            code = environment.compile(source, where, where)
        else:
            bucket = cache.get_bucket(environment, where, where, source)
            if bucket.code is None:
                bucket.code = environment.compile(source, where, where)
                cache.set_bucket(bucket)
            code = bucket.code
        return environment.template_class.from_code(environment, code, environment.make_globals(None))


def _plain(where: str) -> str:
    return where.replace("'", "").replace('"', "")  # Jinja writes it unescaped into the code it makes


def _line_of(error: BaseException, where: str) -> int:
    """The template's line in the traceback that Jinja rewrote; 0 where it is not known."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == where:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
