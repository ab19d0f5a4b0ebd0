"""One operation in a template makes no more than a file can hold: it is refused before it is done."""

from __future__ import annotations

import time

import pytest

from mxdev.generator.freetext import FreeText
from mxdev.generator.jinja import Renderer, RenderError

LARGE = [
    "{{ '%1000000000d' % 5 }}", "{{ '%*d' % (10**9, 1) }}", "{{ '%.1000000000f' % 1.0 }}", "{{ '%99999999999999999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}", "{{ '{:>{}}'.format(1, 999999999) }}", "{{ '{a:>999999999}'.format_map({'a': 1}) }}",
    "{{ 'x'.center(10**9) }}", "{{ 'x'.ljust(width) }}", "{{ 'x'.rjust(10**9) }}", "{{ 'x'.zfill(10**9) }}", "{{ '\t\t'.expandtabs(10**8) }}",
    "{{ ('x' * 10**6).replace('', 'y' * 10**6) }}", "{{ ('x' * 10**6).join(['a'] * 10**5) }}", "{{ ('x' * 10**5).translate({120: 'y' * 10**5}) }}",
    "{{ 'x' | center(10**9) }}", "{{ 'x' | center(width=10**9) }}", "{{ ('a\n' * 1000) | indent(10**7) }}", "{{ 'a\nb' | indent('x' * 10**7) }}",
    "{{ [1] | slice(10**9) | list }}", "{{ [1] | batch(10**9, 'x') | list }}", "{{ '%1000000000d' | format(5) }}", "{{ 5 | round(-10**9) }}",
    "{{ ('x' * 10**6) | replace('x', 'y' * 10**6) }}", "{{ ('x ' * 10**6) | wordwrap(1, wrapstring='y' * 10**6) }}",
    "{{ (['x' * 10**6] * 10**4) | join }}", "{{ (['x'] * 10**5) | join('y' * 10**6) }}", "{{ [1] | tojson(10**9) }}",
    "{% set a = 'x' * 9 * 10**6 %}{{ a ~ a }}", "{% set a = 'x' * 9 * 10**6 %}{{ a + a }}",
    "{{ d.center(10**9) | md }}", "{{ d.zfill(10**9) | md }}", "{{ d.replace('', 'y' * 10**7) | md }}", "{{ ((d ~ '%1000000000d') % 5) | md }}",
    "{{ (d | center(10**9)) | md }}", "{{ (d * 10**9) | md }}", "{{ 10 ** (10 ** 9) }}", "{{ 'x' * 10 ** 12 }}",
    "{{ ('x'.encode() * 10**9) | length }}", "{{ 'x'.encode().zfill(10**9) | length }}", "{{ (1).to_bytes(10**9) | length }}",
    "{{ 'a'.encode().replace('a'.encode(), 'x'.encode() * 10**9) | length }}",
    "{{ ('x' * 10**4).join('y' * 10**4) }}", "{{ ('y' * 10**4) | join('x' * 10**4) }}", "{{ range(10**4) | join('x' * 10**4) }}",
    "{{ dict.fromkeys(range(10**4)).keys() | join('x' * 10**4) }}", "{{ ([1] * 10**4) | join(['x' * 10**4]) }}",
    "{{ ('{0}' * 10**4).format('x' * 10**4) }}", "{{ ('%(a)s' * 10**4) % {'a': 'x' * 10**4} }}", "{{ ('%(a)s' * 10**4) | format(a='x' * 10**4) }}",
    "{{ ('1' * 10**4) | replace(1, ['x' * 10**4]) }}", "{{ ([1] * 10**4) | tojson(indent='x' * 10**4) }}", "{{ ([1] * 10**4) | tojson(1000) }}",
    "{{ ('\\0' * 10**4).translate(['x' * 10**4]) }}", "{{ [[0] * 10**4] * 10**4 }}", "{{ ([[0] * 10**4] * 10**4) | string | length }}",
    "{{ ([[0] * 10**4] * 10**4) | json }}", "{{ ([[0] * 10**4] * 10**4) | sh }}", "{{ ([[0] * 10**4] * 10**4) | sum(start=[]) | length }}",
    "{{ ([[0] * 10**4] * 10**4) ~ 'x' }}", "{{ '%s' % [[[0] * 10**4] * 10**4] }}", "{{ '{}'.format([[0] * 10**4] * 10**4) }}",
    "{{ [dict(a=[0] * 10**4).items()] * 10**4 }}",
    "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
    "{% set n = namespace(l=[1]) %}{% for i in range(60) %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l | upper }}",
    "{{ (d * 10**5).join('y' * 10**5) | md }}", "{{ ((d ~ '{0}') * 10**4).format('x' * 10**4) | md }}", "{{ ([d] * 10**4) | join(d * 10**4) | md }}",
]  # fmt: skip


@pytest.mark.parametrize("source", LARGE)
def test_what_would_be_too_large_is_refused_before(source: str) -> None:
    started = time.process_time()
    with pytest.raises(RenderError, match="is too large"):
        Renderer({"d": FreeText("a b"), "width": 10**9}).render(source, "t")
    assert time.process_time() - started < 3


SMALL = {
    "{{ '%5d|%-3s|%%|%(a)s' % {'a': 1} if false else '%5d' % 5 }}": "    5",
    "{{ '%*d' % (3, 1) }}": "  1",
    "{{ '{:>4}|{}'.format(1, 99999999999) }}": "   1|99999999999",
    "{{ 'x' | center(3) }}": " x ",
    "{{ 'a\nb' | indent(2) }}": "a\n  b",
    "{{ 99999999999 | filesizeformat }}": "100.0 GB",
    "{{ 2.345 | round(1) }}": "2.3",
    "{{ [1, 2] | sum }}": "3",
    "{{ [1, 2] | join('-') }}": "1-2",
    "{{ 'aXb'.replace('X', '--') }}": "a--b",
    "{{ '%s' | format(99999999999) }}": "99999999999",
    "{{ '100% of %s' | replace('%s', 'x') }}": "100% of x",
    "{{ 'x'.join('abc') }}": "axbxc",
    "{{ '{'.center(3) }}": " { ",
    "{{ 'x'.encode().center(3).decode() }}": " x ",
    "{{ [1, 'a', {'b': (2,)}] }}": "[1, 'a', {'b': (2,)}]",
    "{{ {'a': 1}.items() | list }}": "[('a', 1)]",
    "{% set n = namespace(a=1) %}{% set n.a = n.a + 1 %}{{ n.a }}{{ n }}": "2<namespace>",
    "{{ {'a': [1]} | tojson(2) }}": '{\n  "a": [\n    1\n  ]\n}',
    "{{ [1, [2, 3]] | json }}": "[1, [2, 3]]",
    "{{ (5).to_bytes(2) | length }}": "2",
}


@pytest.mark.parametrize("source", SMALL)
def test_what_is_of_a_usual_size_is_done(source: str) -> None:
    assert Renderer({}).render(source, "t") == SMALL[source]
