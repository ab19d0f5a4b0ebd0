"""From generators to renderings, in memory: requirements, provenance, purity."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import installed
from sites import make_distribution

from mxdev.errors import MxError, UsageProblem
from mxdev.generator.freetext import reveal
from mxdev.plugins import index
from mxdev.testing import contents, render, render_all, text, write


def test_rendering_in_memory(samples: Path, tmp_path: Path) -> None:
    tree = render("SampleBase", name="demo", size=3, description='a "b"')
    assert "Size 3" in text(tree, "README.md")
    assert {step.command for step in tree.next_steps} == {"mx lint"}
    result = render_all("SampleApp", name="demo")
    assert [rendering.instance for rendering in result.renderings] == ["SampleBase", "SampleApp:demo"]
    assert result.renderings[1].requires == ("SampleBase",)
    assert b"demo:\n    port: 80\n" in contents(result)["shared.yaml"]
    write(result, tmp_path / "out")
    assert (tmp_path / "out/run.sh").stat().st_mode & 0o100
    with pytest.raises(TypeError, match="nobody declares colour"):
        render("SampleBase", name="demo", colour="red")


def test_the_same_options_give_the_same_bytes(samples: Path) -> None:
    def bytes_of() -> dict[str, bytes]:
        return contents(
            render_all("MLProjectSkeleton", name="demo-model", description="x", engineer=["A <a@b.co>"])
        )

    assert bytes_of() == bytes_of()


def test_where_each_value_comes_from(samples: Path) -> None:
    result = render_all("SampleBase", name="demo", size=2)
    assert result.origin["SampleBase"] == {
        "name": "--values", "description": "default", "region": "default", "size": "--values", "kind": "default", "tag": "default",
        "quiet": "default",
    }  # fmt: skip
    assert result.options == {"name": "demo", "description": "A sample.", "region": "demo-1"}
    assert "token" not in result.renderings[0].options


def test_one_error_for_shared_and_own_values(samples: Path) -> None:
    with pytest.raises(UsageProblem) as caught:
        render_all("SampleBase", name="UPPER", size=99, kind="x")
    lines = caught.value.message.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["NAME", "--size", "--kind"]


CIRCLE = """
from mxdev import Generator, hookimpl, lazy, option
class First(Generator):
    "One."
    requires = ("Second",)
    def generate(self, tree):
        pass
class Second(Generator):
    "Two."
    requires = ("First",)
    def generate(self, tree):
        pass
class Lonely(Generator):
    "Three."
    requires = ("NotInstalled",)
    def generate(self, tree):
        pass
class Keeper(Generator):
    "Has secrets."
    scope = "anywhere"
    options = (option("--token", secret=True, shared=True), option("--pin", secret=True, default="1"))
    def generate(self, tree):
        tree.file("k.txt", tree.text({template!r}))
@hookimpl
def mx_generators():
    return [First, Second, Lonely, Keeper]
"""


@pytest.fixture
def odd(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    def install(module: str, template: str = "ok") -> None:
        make_distribution(
            tmp_path / module,
            module.replace("_", "-"),
            modules={f"{module}.py": CIRCLE.format(template=template)},
        )
        next(installed(tmp_path / module, monkeypatch))
        index.forget()

    return install


def test_requirements_that_cannot_be_met(odd: Any) -> None:
    odd("odd_circle")
    with pytest.raises(MxError, match="in a circle: First → Second → First"):
        render_all("First")
    with pytest.raises(UsageProblem, match="no generator called NotInstalled"):
        render_all("Lonely")


@pytest.mark.parametrize(
    "template", ["{{ token }}", "{{ pin }}", "{{ token | default('') | yaml }}{{ pin }}"]
)
def test_a_secret_in_a_template_is_a_render_error(odd: Any, template: str) -> None:
    odd(f"odd_secret_{abs(hash(template))}", template)
    with pytest.raises(MxError, match="undefined"):
        render_all("Keeper", token="hunter2", pin="hunter3")


def test_a_shared_secret_is_not_kept_with_the_project(odd: Any) -> None:
    odd("odd_keeper")
    result = render_all("Keeper", token="hunter2")
    assert "hunter2" not in f"{result.options}{result.renderings[0].options}"
    with pytest.raises(Exception, match=r"\bno option 'token'|there is no option"):
        _ = result.renderings[0].tree.generator.values.token  # type: ignore[union-attr]


def test_free_text_arrives_as_such(samples: Path) -> None:
    tree = render("SampleBase", name="demo", description="${x}")
    assert reveal(tree.generator.values.description) == "${x}"
    assert type(tree.generator.values.name) is str
