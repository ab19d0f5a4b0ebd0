"""Template filters of plugins: when they are imported, whose counts, what they may not be called, and what they raise."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from conftest import Mx
from test_hooks import FILTERS, Install, install

from mxdev.errors import MxError
from mxdev.generator.freetext import FreeText
from mxdev.generator.jinja import Renderer
from mxdev.plugins import filters

__all__ = ["install"]


def test_a_filter_is_imported_when_a_template_uses_it(install: Install, mx: Mx, tmp_path: Path) -> None:
    site = install("""
from mxdev import Generator, lazy
class Filtered(Generator):
    "Uses a filter."
    scope = "anywhere"
    def generate(self, tree):
        tree.file("out.txt", tree.text("{{ 'x' | shout }}", "out.txt.jinja"))
@hookimpl
def mx_generators():
    return [Filtered]
@hookimpl
def mx_template_filters():
    return [lazy("acme_filters_apart:shout"), lazy("acme_filters_apart:other")]
""")
    assert mx("generate", "SampleBase", "demo", "--no-input").code == 0
    (site / "acme_filters_apart.py").write_text("def shout(value):\n    return value + '1'\n")
    assert mx("generate", "Filtered").code == 0
    assert (tmp_path / "out.txt").read_text() == "x1"
    # A compiled template is kept, what the filter gave is not.
    (site / "acme_filters_apart.py").write_text("def shout(value):\n    return value + '22'\n")
    del sys.modules["acme_filters_apart"]
    assert mx("generate", "Filtered").code == 0
    assert (tmp_path / "out.txt").read_text() == "x22"


@pytest.mark.parametrize("name", ["yaml", "comment", "upper"])
def test_a_filter_cannot_take_the_name_of_another(
    install: Install, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    install(f"""
def {name}(value):
    return "taken"
@hookimpl
def mx_template_filters():
    return [{name}]
""")
    renderer = Renderer({"free": FreeText("b")}, filters=filters.known_to("acme-hooks"))
    assert renderer.render(f"{{{{ free | {name} | yaml }}}}" if name == "upper" else f"{{{{ free | {name} }}}}", "x") \
        != "taken"  # fmt: skip
    filters.known_to("acme-hooks")
    assert capsys.readouterr().err.count(f"the filter {name} of the plugin acme-hooks is left out") == 1


def test_of_two_equal_filters_the_plugin_s_own_counts(
    install: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    install(FILTERS, "aa-one")
    install(FILTERS.replace("upper", "lower"), "bb-two")
    assert filters.known_to("aa-one")["shout"]("aB") == "AB!"
    assert filters.known_to("bb-two")["shout"]("aB") == "ab!"
    assert capsys.readouterr().err == ""
    assert filters.known_to("somebody-else") == {}
    assert "more than one plugin has it (aa-one, bb-two)" in capsys.readouterr().err


def test_what_a_filter_raises_names_its_plugin_and_the_template(install: Install) -> None:
    install(FILTERS.replace("return value", "return 1 / 0 or value"))
    renderer = Renderer({}, filters=filters.known_to("x"))
    with pytest.raises(MxError, match=r"t\.jinja:2: the filter shout of the plugin acme-hooks 1\.0 failed"):
        renderer.render("\n{{ 'a' | shout }}", "t.jinja")
