"""Templates: whatever one does with free text, it is emitted through a language filter or not at all."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mxdev.errors import MxError
from mxdev.generator.freetext import FreeText
from mxdev.generator.jinja import Environment, FileCache, Renderer, RenderError
from mxdev.generator.languages import FILTERS

# Letters of the secret text stand in no template here, so that none of them can come from anywhere else.
SECRET = 'ЖЩЮ "ЯФЦ" {{ 7*7 }} ${ЪЫЭ} ЖЩЮ\nЙЛД, ЖЩЮ'
LETTERS = set("ЖЩЮЯФЦЪЫЭЙЛД") | set("жщюяфцъыэйлд")
ENVIRONMENT = Environment()


class Person:
    """As the skeleton's engineers: an object with free text in it."""

    def __init__(self) -> None:
        self.email = "a@b.co"
        self.name = FreeText(SECRET)


VARIABLES: dict[str, Any] = {
    "d": FreeText(SECRET),
    "tags": (FreeText(SECRET), FreeText("x")),
    "people": (Person(), Person()),
    "name": "demo",
    "n": 3,
    "empty": FreeText(""),
    "table": {"k": FreeText(SECRET), "z": "plain"},
}
RENDERER = Renderer(VARIABLES)


def leaks(source: str, renderer: Renderer = RENDERER) -> str | None:
    """What of the secret text comes out of a template; None if it is an error."""
    try:
        out = renderer.render(source, "test")
    except RenderError:
        return None
    # Also as escapes of any kind: numbers of characters, percent-encoding, entities.
    found = "".join(c for c in out if c in LETTERS)
    return found or "".join(re.findall(r"%D0|&#1|\\u04|\\xd0", out, re.IGNORECASE))


# Arguments that the filters want; several where they do different things.
CALLS: dict[str, list[str]] = {
    "attr": ["('upper')", "('name')", "('_FreeText__text')", "('__class__')"],
    "batch": ["(2)", "(2, d)", "(2, '-')"],
    "slice": ["(2)", "(2, d)"],
    "default": ["('x')", "(d, true)"],
    "d": ["('x')", "(d, true)"],
    "groupby": ["('name')", "('email')", "(0)"],
    "map": ["('upper')", "(attribute='name')", "('string')", "('list')", "('replace', 'x', d)", "('format', 1)", "('join', d)",
            "('default', d)", "('attr', 'name')", "('e')", "('tojson')", "('safe')"],
    "select": ["", "('string')", "('equalto', d)"],
    "reject": ["", "('string')", "('equalto', 'x')"],
    "selectattr": ["('name')", "('name', 'equalto', d)"],
    "rejectattr": ["('name', 'equalto', 'x')"],
    "replace": ["('x', d)", "(d, 'x')", "('Ж', 'y')", "('', d)"],
    "round": ["", "(1)"],
    "truncate": ["", "(5)", "(5, true, d)"],
    "indent": ["", "(2)", "(d)"],
    "join": ["", "(', ')", "(d)", "(', ', attribute='name')"],
    "sum": ["", "(attribute='name')", "(start=d)"],
    "sort": ["", "(attribute='name')", "(true, true)"],
    "unique": ["", "(attribute='name')"],
    "min": ["", "(attribute='name')"],
    "max": ["", "(attribute='name')"],
    "format": ["", "(d)", "(1, 2)", "(a=d)"],
    "dictsort": ["", "(by='value')"],
    "wordwrap": ["", "(3)", "(3, wrapstring=d)"],
    "center": ["", "(100)"],
    "trim": ["", "(d)"],
    "striptags": [""],
    "tojson": ["", "(2)"],
    "urlize": ["", "(5)", "(target=d)"],
    "xmlattr": ["", "(true)"],
    "filesizeformat": ["", "(true)"],
    "int": ["", "(d)"],
    "float": ["", "(d)"],
}  # fmt: skip
BUILT_IN = sorted(set(ENVIRONMENT.filters) - set(FILTERS))
STARTS = ["d", "tags", "people", "table", "[d]", "[d, 'x']", "{'a': d}", "{d: 1}", "(d, d)", "d[1:]", "d[0]", "[[d], {'x': (d,)}]",
          "people[0].name", "table.items()", "table.values()", "table.k", "d.split()", "dict(a=d)", "[d]|map('upper')", "'x%s'", "'{}'"]  # fmt: skip


def test_every_filter_of_jinja_is_known() -> None:
    import jinja2.filters

    removed = set(jinja2.filters.FILTERS) - set(ENVIRONMENT.filters)
    assert removed == {"random"}
    assert "lipsum" not in ENVIRONMENT.globals


@pytest.mark.parametrize("name", BUILT_IN)
def test_no_filter_of_jinja_emits_it(name: str) -> None:
    for start in STARTS:
        for call in CALLS.get(name, [""]):
            for end in (
                "",
                " | list",
                " | string",
                " | join",
                " | first",
                " | upper",
                " | tojson",
                " | pprint",
            ):
                source = f"{{{{ {start} | {name}{call}{end} }}}}"
                assert not leaks(source), source


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_filter_leaves_ordinary_values_alone(name: str) -> None:
    import jinja2

    plain = jinja2.Environment(undefined=jinja2.StrictUndefined)
    values: dict[str, Any] = {"s": "a b <c>", "l": ["x", "y"], "i": 3, "m": {"k": "v"}}
    for start in values:
        source = f"{{{{ {start} | {name}{CALLS.get(name, [''])[0]} }}}}"
        try:
            wanted = plain.from_string(source).render(values)
        except Exception:
            continue
        if " at 0x" not in wanted:
            assert Renderer(values).render(source, "t") == wanted


@pytest.mark.parametrize("name", sorted(ENVIRONMENT.tests))
def test_no_test_of_jinja_emits_it(name: str) -> None:
    for source in (
        f"{{{{ d is {name} }}}}",
        f"{{{{ d is {name}(d) }}}}",
        f"{{{{ d is {name}('x') }}}}",
        f"{{% if tags is {name} %}}{{{{ tags }}}}{{% endif %}}",
        f"{{{{ people | selectattr('name', '{name}') | list }}}}",
        f"{{{{ tags | select('{name}') | join }}}}",
    ):
        assert not leaks(source), source


SYNTAX = [
    "{{ d }}", "{{ d ~ d }}", "{{ 'a' ~ d ~ 1 }}", "{{ d + 'x' }}", "{{ 'x' + d }}", "{{ '%s' % d }}", "{{ '%s %s' % (d, 1) }}",
    "{{ '%(a)s' % {'a': d} }}", "{{ d % 1 }}", "{{ '%r' % d }}", "{{ '%r' % [d] }}", "{{ '%s' % [d] }}", "{{ '%s' % people[0] }}",
    "{{ d * 2 }}", "{{ [d] * 2 }}", "{{ [d] + ['x'] }}", "{{ d[0] }}", "{{ d[1:4] }}", "{{ d[::-1] }}", "{{ d[-1] }}",
    "{% set x = d %}{{ x }}", "{% set x %}{{ d }}{% endset %}{{ x }}", "{% set x = d ~ '' %}{{ x }}", "{% set a, b = d, d %}{{ a }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(d) }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(d, a=d) }}",
    "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}{{ d }}{% endcall %}",
    "{% macro m() %}{{ caller(d) }}{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}",
    "{% for c in d %}{{ c }}{% endfor %}", "{% for c in d recursive %}{{ loop(c) }}{% endfor %}", "{% for k, v in table.items() %}{{ v }}{% endfor %}",
    "{% for x in tags %}{{ loop.previtem }}{{ loop.nextitem }}{% endfor %}", "{% for x in tags %}{{ loop.cycle(d, d) }}{% endfor %}",
    "{% for x in [1, 2] %}{{ loop.changed(d) }}{% endfor %}", "{% set ns = namespace(x=d) %}{{ ns.x }}", "{% set ns = namespace() %}{% set ns.x = d %}{{ ns.x }}",
    "{% set ns = namespace(x=d) %}{{ ns }}", "{{ cycler(d, d).next() }}", "{{ cycler(d).current }}", "{% set j = joiner(d) %}{{ j() }}{{ j() }}",
    "{{ dict(a=d) }}", "{{ dict(a=d).values() }}", "{{ dict(a=d).items() | list }}", "{{ table.k }}", "{{ table['k'] }}", "{{ table.get('k') }}", "{{ table }}",
    "{{ 'x'.join(tags) }}", "{{ d.join(['a', 'b']) }}", "{{ 'a-b'.replace('-', d) }}", "{{ '{}'.format(d) }}", "{{ '{0}'.format(d) }}", "{{ '{a}'.format(a=d) }}",
    "{{ '{a}'.format_map({'a': d}) }}", "{{ '{0.name}'.format(people[0]) }}", "{{ '{0[k]}'.format(table) }}", "{{ '{!r}'.format(d) }}", "{{ '{:>9}'.format(d) }}",
    "{{ '{0[0]}'.format(tags) }}", "{{ '{}'.format(tags) }}", "{{ ('{}' | safe).format(d) }}", "{{ ('%s' | safe) % d }}", "{{ ('x' | safe).join(tags) }}",
    "{{ ('x' | e) ~ d }}", "{{ ('x' | e) + d }}", "{{ d.format() }}", "{{ d.format(d) }}", "{{ d.format_map({}) }}", "{{ d.encode() }}", "{{ d.encode('utf-8').hex() }}",
    "{{ d.upper() }}", "{{ d.split() }}", "{{ d.split() | join }}", "{{ d.splitlines()[0] }}", "{{ d.partition(' ') }}", "{{ d.translate({}) }}", "{{ d.strip().title() }}",
    "{{ d.__str__() }}", "{{ d.__class__ }}", "{{ d._FreeText__text }}", "{{ d['_FreeText__text'] }}", "{{ d.__getattribute__('_FreeText__text') }}", "{{ d.__reduce__() }}",
    "{{ d.__dir__() }}", "{{ d.isalpha }}", "{{ d.upper }}", "{{ d.call }}", "{{ d.reveal() }}", "{{ (d.upper)() }}", "{{ [d.upper][0]() }}", "{{ tags | map('upper') | join }}",
    "{{ 'x' if d else d }}", "{{ d if true }}", "{{ d or 'x' }}", "{{ d and d }}", "{{ not d }}", "{{ d in d }}", "{{ d == d }}", "{{ d > 'a' }}", "{{ d is defined }}",
    "{% filter upper %}{{ d }}{% endfilter %}", "{% filter replace('x', d) %}x{% endfilter %}", "{% with x = d %}{{ x }}{% endwith %}", "{% if d %}{{ d }}{% endif %}",
    "{% autoescape true %}{{ d }}{% endautoescape %}", "{% autoescape true %}{{ d ~ 'x' }}{{ '%s' % d }}{% endautoescape %}", "{{ range(3) ~ d }}", "{{ self }}", "{{ d, d }}",
    "{{ [d] }}", "{{ {d: d} }}", "{{ [[[d]]] }}", "{% block b %}{{ d }}{% endblock %}", "{{ people }}", "{{ people[0] }}", "{{ people[0].name }}", "{{ people[0]['name'] }}",
    "{% for p in people %}{{ p.name }}{% endfor %}", "{{ people | map(attribute='name') }}", "{{ people | map(attribute='name') | list }}", "{% set t = tags %}{% do %}",
    "{% include d %}", "{% import d as x %}", "{% extends d %}", "{% from d import x %}", "{{ d() }}", "{{ d | nothing }}", "{{ nothing ~ d }}", "{{ {}[d] }}", "{{ name[d] }}", "{{ d[d] }}",
    "{{ {'a': 1}[d] }}", "{{ table | items | list }}", "{{ d ** 2 }}", "{{ d // 2 }}", "{{ -d }}", "{{ d / d }}", "{{ 1 + d }}", "{{ d - d }}", "{{ name.__add__(d) }}", "{{ ''.__class__ }}",
    "{{ 'abc'.find(d) }}", "{{ 'abc'.center(9, d) }}", "{{ 'a'.ljust(5, d[0]) }}", "{{ 'aXb'.split(d) }}", "{{ 'x'.translate({120: d}) }}", "{{ 'x'.maketrans({'x': d}) }}",
    "{{ 'x'.translate('x'.maketrans({'x': d})) }}", "{{ 'x'.translate('x'.maketrans('x', d[0])) }}", "{{ ''.join(d) }}", "{{ ''.join([d, d]) }}", "{{ ''.join(tags | map('upper')) }}",
    "{{ ''.join(people | map(attribute='name')) }}", "{{ [d].copy() }}", "{{ [d].index(d) }}", "{{ [d].count(d) }}", "{{ [d].pop() }}", "{{ [].append(d) }}", "{{ table.copy() }}", "{{ table.pop('k') }}",
    "{{ debug() }}", "{{ context }}", "{{ environment }}", "{{ loop }}", "{{ caller }}", "{% set f = '%s'.__mod__ %}{{ f(d) }}", "{% set f = '{}'.format %}{{ f(d) }}", "{{ ['{}'.format][0](d) }}",
    "{% set f = ''.join %}{{ f([d]) }}", "{{ '{}' | attr('format') }}", "{{ ('{}' | attr('format'))(d) }}", "{% set f = '{}' | attr('format') %}{{ f(d) }}",
    "{{ [d] | map('attr', 'upper') | list }}", "{{ (['{}'] | map(attribute='format') | first)(d) }}", "{{ ([', '] | map(attribute='join') | list)[0](tags) }}",
    "{{ namespace(a='{}'.format).a(d) }}", "{{ dict(a=''.join).a([d]) }}", "{{ dict([('a', d)]).a }}", "{{ dict([(d, 'x')]) }}", "{{ '' ~ dict([(d, 'x')]).keys() }}",
    "{{ d.maketrans(d, d) }}", "{{ d | length }}", "{{ d | wordcount }}", "{{ d.count('x') }}", "{{ d.find('x') }}", "{{ d | map('ord') }}", "{% set x = [] %}{{ x.append(d) or x }}",
]  # fmt: skip


@pytest.mark.parametrize("source", SYNTAX)
def test_no_construct_of_jinja_emits_it(source: str) -> None:
    assert not leaks(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("'a' ~ d ~ 1", "aT1"), ("d + 'x'", "Tx"), ("'x' + d", "xT"), ("'%s-%s' % (d, 2)", "T-2"), ("'{}{k}'.format(d, k=d)", "TT"),
        ("', '.join(tags)", "T, u"), ("tags | join(', ')", "T, u"), ("tags | map('upper') | join('-')", "T-U"), ("d | lower", "t"),
        ("'axa' | replace('x', d)", "aTa"), ("'axa'.replace('x', d)", "aTa"), ("d * 2", "TT"), ("d[::-1] ~ d[0]", "TT"), ("d.center(3)", " T "),
        ("tags | sort | first", "T"), ("tags | last", "u"), ("d if d else 'no'", "T"), ("none_of or d", "T"), ("d | default('x', true)", "T"),
        ("'x' ~ (tags | length)", "x2"), ("('%s' | format(d))", "T"), ("d | truncate(1, true, '')", "T"), ("dict(a=d).a", "T"),
    ],
)  # fmt: skip
def test_what_is_made_of_free_text_is_the_same_as_of_text(source: str, text: str) -> None:
    values = {"d": FreeText("T"), "tags": (FreeText("T"), FreeText("u")), "none_of": FreeText("")}
    assert Renderer(values).render(f"{{{{ ({source}) | py }}}}", "t") == f'"{text}"'


@pytest.mark.parametrize(
    "source",
    ["d", "[d]", "{'a': d}", "{d: 1}", "(1, (d,))", "[[{'a': [d]}]]", "tags", "tags | map('upper') | list"],
)
def test_what_holds_free_text_is_not_emitted_at_all(source: str) -> None:
    with pytest.raises(RenderError, match="emitted without the filter of its language"):
        RENDERER.render(f"{{{{ {source} }}}}", "t")


# --- adversarial pipelines --------------------------------------------------------------------------------------------

CALLED = [f"{name}{call}" for name in BUILT_IN for call in CALLS.get(name, [""])]
METHODS = [
    "upper()", "split()", "strip()", "replace('x', d)", "join(tags)", "join(x)", "format(d)", "format(x)", "center(60)", "splitlines()", "items()", "values()",
    "keys()", "partition(' ')", "zfill(90)", "title()", "get('k')", "copy()", "translate({})", "format_map(table)", "encode()", "index(d)", "expandtabs()",
]  # fmt: skip
STEP = st.one_of(
    st.sampled_from(CALLED).map(lambda call: f"(x | {call})"),
    st.sampled_from(METHODS).map(lambda call: f"x.{call}"),
    st.sampled_from(
        [
            "(x ~ 'a')", "('a' ~ x)", "(x + x)", "(x + 'a')", "('a' + x)", "('%s' % x)", "('%s%s' % (x, d))", "(x * 2)", "x[0]", "x[:5]", "x[::-1]", "[x]",
            "(x, x)", "{'a': x}", "{'k': x}.k", "dict(a=x)", "(x if n else d)", "(x or d)", "('{}'.format(x))", "(', '.join(x))", "(x | map('upper'))",
            "namespace(v=x).v", "cycler(x, x).next()", "(x | map(attribute='name'))", "(x | list)", "(x | string)", "(x | safe)", "(x % d)", "m(x)", "('a-b' | replace('-', x))",
        ]
    ),
)  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(STARTS),
    st.lists(STEP, min_size=1, max_size=5),
    st.sampled_from(["plain", "set", "for", "macro", "filter"]),
)
@example("people", ["(x | map(attribute='name'))", "(x | join)"], "plain")
@example("d", ["('%s' % x)", "(x | upper)"], "filter")
def test_no_pipeline_emits_it(start: str, steps: list[str], shape: str) -> None:
    macro = "{% macro m(x) %}{{ x }}{% endmacro %}"
    lines = [macro, f"{{% set x = {start} %}}", *(f"{{% set x = {step} %}}" for step in steps)]
    end = {
        "plain": "{{ x }}",
        "set": "{% set y %}{{ x }}{% endset %}{{ y }}",
        "for": "{% for i in x %}{{ i }}{% for j in i %}{{ j }}{% endfor %}{% endfor %}",
        "macro": "{{ m(x) }}",
        "filter": "{% filter trim %}{{ x }}{% endfilter %}",
    }[shape]
    assert not leaks("".join([*lines, end])), lines


@settings(max_examples=100)
@given(
    st.sampled_from(sorted(FILTERS)),
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            ["(x | upper)", "(x ~ ' ')", "x[:9]", "(x | replace('a', d))", "(x | trim)", "('%s!' % x)"]
        ),
        max_size=3,
    ),
)
def test_a_pipeline_that_ends_in_a_language_is_that_filter_of_the_text(
    name: str, text: str, steps: list[str]
) -> None:
    sets = "".join(f"{{% set x = {step} %}}" for step in steps)
    got = Renderer({"x": FreeText(text), "d": FreeText(text)}).render(f"{sets}{{{{ x | {name} }}}}", "t")
    plain = Renderer({"x": text, "d": text}).render(f"{sets}{{{{ x | {name} }}}}", "t")
    assert got == plain


# --- the environment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("a\n{{ d }}\n", 2, "filter of its language"),
        ("a\nb\n{{ missing }}\n", 3, "missing"),
        ("a\n{{ name.missing }}", 2, "missing"),
        ("a\n{% if %}", 2, "Expected an expression"),
        ("{{ 1 / 0 }}", 1, "division"),
        ("\n{{ ''.__class__.__mro__ }}", 2, "__class__"),
        ("{{ [1].append(2) }}", 1, "append"),
        ("\n{{ name | nofilter }}", 2, "nofilter"),
        ("\n{{ range(10**9) }}", 2, "range"),
        ("\n{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", 2, "recursion"),
        ("\n{{ 'x' | int(default=[]) | round }}", 2, ""),
        ("\n{% for a, b in [1] %}{% endfor %}", 2, ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["conf/x.yaml", "infra/{{ 'a' if b == \"c\" }}/main.tf.jinja"])
def test_an_error_names_the_template_the_line_and_the_cause(
    source: str, line: int, says: str, where: str
) -> None:
    with pytest.raises(MxError) as caught:
        RENDERER.render(source, where)
    assert caught.value.message.startswith(f"{where}:{line}: "), caught.value.message
    assert says in caught.value.message
    assert not LETTERS & set(str(caught.value))


def test_blocks_leave_no_lines_and_the_last_newline_stays() -> None:
    source = "a\n  {% if true %}\n  b\n  {% endif %}\nc\n"
    assert RENDERER.render(source, "t") == "a\n  b\nc\n"
    assert RENDERER.render("x", "t") == "x"
    assert RENDERER.render("", "t") == ""


def test_nothing_is_escaped_and_no_line_break_is_changed() -> None:
    assert RENDERER.render("{{ '<&>' }}\n\n", "t") == "<&>\n\n"


def test_an_if_without_else_is_nothing() -> None:
    assert RENDERER.render("[{{ 'x' if n == 4 }}]", "t") == "[]"


def test_filters_of_plugins_see_no_free_text_and_give_it() -> None:
    renderer = Renderer(
        {"d": FreeText("abc"), "s": "abc"}, filters={"shout": lambda text: text.upper() + "!"}
    )
    assert renderer.render("{{ s | shout }}", "t") == "ABC!"
    assert renderer.render("{{ d | shout | py }}", "t") == '"ABC!"'
    with pytest.raises(RenderError):
        renderer.render("{{ d | shout }}", "t")


def test_a_plugin_cannot_replace_a_language_filter() -> None:
    renderer = Renderer({"d": FreeText("a'b")}, filters={"sh": lambda text: text})
    assert renderer.render("{{ d | sh }}", "t") == "'a'\"'\"'b'"


# --- the cache of compiled templates ----------------------------------------------------------------------------------


def test_a_warm_cache_gives_the_same_and_compiles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "{% for i in range(n) %}{{ i }}{{ d | py }}{% endfor %}"
    cold = Renderer(VARIABLES, cache=FileCache(tmp_path)).render(source, "a/'b'.py")
    assert list(tmp_path.iterdir())
    warm = Renderer(VARIABLES, cache=FileCache(tmp_path))
    monkeypatch.setattr(Environment, "compile", lambda *_: pytest.fail("compiled again"))
    assert warm.render(source, "a/'b'.py") == cold


def test_the_cache_follows_the_source(tmp_path: Path) -> None:
    for number in range(3):
        assert Renderer({}, cache=FileCache(tmp_path)).render(f"v{number}", "same") == f"v{number}"
        assert Renderer({}, cache=FileCache(tmp_path)).render(f"v{number}", "other") == f"v{number}"


@pytest.mark.parametrize("damage", [b"", b"x", b"half", b"garbage", b"pickle"])
def test_a_damaged_cache_is_no_cache(tmp_path: Path, damage: bytes) -> None:
    source = "{{ name }}!"
    Renderer(VARIABLES, cache=FileCache(tmp_path)).render(source, "t")
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    from jinja2.bccache import bc_magic

    broken = {
        b"half": data[: len(data) // 2],
        b"garbage": bc_magic + b"\xff" * 40,
        b"pickle": bc_magic + b"cos\nnothing\n.",
    }
    file.write_bytes(broken.get(damage, damage))
    assert Renderer(VARIABLES, cache=FileCache(tmp_path)).render(source, "t") == "demo!"
    assert file.read_bytes() == data


def test_a_cache_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = FileCache(tmp_path / "file" / "below")
    assert Renderer(VARIABLES, cache=cache).render("{{ name }}", "t") == "demo"


def test_many_processes_may_fill_it_at_once(tmp_path: Path) -> None:
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(20):
                assert Renderer({"n": number}, cache=FileCache(tmp_path)).render("{{ n }}", "t") == str(
                    number
                )
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(list(tmp_path.iterdir())) == 1
