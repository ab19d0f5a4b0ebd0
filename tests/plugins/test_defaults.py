"""Company defaults: where they come from, what they give way to, and that a person sees their source."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from conftest import Mx, installed
from sites import make_distribution

from mxdev.errors import UsageProblem
from mxdev.generator.options import option
from mxdev.plugins import defaults, model
from mxdev.plugins.defaults import Default
from mxdev.workflow.values import Sources, resolve

COMPANY = """
from mxdev import hookimpl
@hookimpl
def mx_defaults():
    return {values!r}
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's `defaults.yaml`, not written yet."""
    monkeypatch.setenv("MX_CONFIG_DIR", str(tmp_path / "settings"))
    (tmp_path / "settings").mkdir()
    return tmp_path / "settings" / "defaults.yaml"


def company(
    site: Path, monkeypatch: pytest.MonkeyPatch, name: str = "acme-defaults", **values: object
) -> None:
    module = name.replace("-", "_")
    make_distribution(site, name, modules={f"{module}.py": COMPANY.format(values=values)})
    monkeypatch.delitem(sys.modules, module, raising=False)
    next(installed(site, monkeypatch))


def options_of(project: Path) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((project / "mx.yaml").read_text())["options"]
    return found


def test_the_order_of_precedence(
    mx: Mx, tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company(tmp_path / "site", monkeypatch, region="of-the-plugin", description="Of the plugin.")
    said = mx("generate", "SampleBase", "one")
    assert options_of(tmp_path / "one")["region"] == "of-the-plugin"
    assert "region is of-the-plugin, from the plugin acme-defaults 1.0." in said.err
    settings.write_text("region: of-the-user\n")
    said = mx("generate", "SampleBase", "two")
    assert options_of(tmp_path / "two") == {
        "name": "two", "region": "of-the-user", "description": "Of the plugin.",
    }  # fmt: skip
    assert f"region is of-the-user, from {settings}." in said.err
    monkeypatch.setenv("MX_OPT_REGION", "of-the-environment")
    mx("generate", "SampleBase", "three")
    assert options_of(tmp_path / "three")["region"] == "of-the-environment"
    said = mx("generate", "SampleBase", "four", "--region", "typed")
    assert options_of(tmp_path / "four")["region"] == "typed"
    assert "region is" not in said.err
    # What the project knows counts, whatever the company says now.
    monkeypatch.delenv("MX_OPT_REGION")
    said = mx("generate", "SampleBase", cwd=tmp_path / "four")
    assert options_of(tmp_path / "four")["region"] == "typed"
    assert "region" not in said.err


def test_update_and_set_take_them_for_options_that_are_new(
    mx: Mx, project: Path, tmp_path: Path, settings: Path
) -> None:
    record = project / ".mx/generators/SampleBase.yaml"
    assert "size: 1" in record.read_text()
    for command in (["update"], ["set", "kind=large"]):
        record.write_text(
            "".join(line for line in record.read_text().splitlines(True) if "size:" not in line)
        )
        settings.write_text("SampleBase.size: 5\n")
        said = mx(*command, cwd=project)
        assert said.code == 0, said.err
        assert "size: 5" in record.read_text()
        assert f"size is 5, from {settings}." in said.err


def test_one_generator_s_own_default_comes_before_the_general_one(
    mx: Mx, project: Path, settings: Path
) -> None:
    settings.write_text("port: 1\nsample-app:\n  port: 2\nOther.port: 3\n")
    mx("generate", "SampleApp", "web", cwd=project)
    assert "port: 2" in (project / "apps/web.yaml").read_text()


def test_what_is_required_has_them_too(mx: Mx, project: Path, settings: Path) -> None:
    record = project / ".mx/generators/SampleBase.yaml"
    record.write_text("".join(line for line in record.read_text().splitlines(True) if "size:" not in line))
    settings.write_text("SampleBase.size: 5\nSampleApp.size: 9\n")
    assert mx("generate", "SampleApp", "web", cwd=project).code == 0
    assert "size: 5" in (project / "apps/web.yaml").read_text()


def test_help_shows_them_with_their_source(mx: Mx, settings: Path) -> None:
    settings.write_text("size: 7\nSampleBase:\n  token: hush\n")
    out = " ".join(mx("generate", "SampleBase", "--help").out.split())
    assert "[default: 7, from" in out
    assert "hush" not in out


def test_a_person_is_offered_them() -> None:
    asked = []

    def ask(option: object, default: object) -> object:
        asked.append((getattr(option, "help", ""), default))
        return default

    domain = option("--domain", default="", help="The domain.", ask=True)
    sources = Sources(environment={}, ask=ask, defaults={"domain": Default("acme.example", "acme-mx 1.0")})
    found = resolve([domain], sources)
    assert found.stored == {"domain": "acme.example"}
    assert found.origin == {"domain": "prompt"}
    assert asked == [("The domain (default from acme-mx 1.0)", "acme.example")]


def test_a_secret_has_none_and_a_formerly_named_option_keeps_its_own() -> None:
    options = [
        option("--token", secret=True, default="none"),
        option("--size", default=1, type=int, formerly="--big"),
    ]
    given = {"token": Default("x", "there"), "big": Default("4", "there")}
    found = resolve(options, Sources(environment={}, defaults=given))
    assert found.stored == {"token": "none", "size": 4}
    assert found.origin == {"token": "default", "size": "there"}


def test_a_wrong_default_is_told_with_its_source(mx: Mx, tmp_path: Path, settings: Path) -> None:
    settings.write_text("size: 99\n")
    result = mx("generate", "SampleBase", "one")
    assert result.code == 2
    assert f"--size ({settings}): 99 is not in the range" in result.err
    assert not (tmp_path / "one").exists()
    assert mx("generate", "SampleBase", "one", "--size", "3").code == 0


@pytest.mark.parametrize("text", ["[1", "- a\n", "a: b: c\n", "\x00"])
def test_a_broken_file_is_told(mx: Mx, settings: Path, text: str) -> None:
    settings.write_text(text)
    result = mx("generate", "SampleBase", "one")
    assert result.code == 4
    assert str(settings) in result.err
    assert mx("--help").code == 0


OTHER = """
from mxdev import Generator, hookimpl, option
class SampleBasis(Generator):
    "Has names that are close to others."
    options = (option("--kinds", default=""),)
    def generate(self, tree):
        tree.file("kinds.txt", "")
@hookimpl
def mx_generators():
    return [SampleBasis]
"""


def test_a_misspelt_name_is_told(
    mx: Mx, project: Path, settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.write_text(
        "regoin: a\nSampleBase:\n  sise: 2\n  nothing-like-it: 3\nSampleBas:\n  size: 2\n"
        "Elsewhere.size: 4\nelse: 5\nkinds: of another one\nports: 1\n"
    )
    told = [line for line in mx("generate", "SampleBase", cwd=project).err.splitlines() if "warning" in line]
    assert [line.partition(f"{settings}: ")[2] for line in told] == [
        "no generator has an option regoin; did you mean region?",
        "sample-base has no option sise; did you mean size?",
        "sample-base has no option nothing-like-it; it has description, kind, name, quiet, region, size, tag, token",
        "there is no generator sample-bas; did you mean sample-base?",
        "no generator has an option kinds; did you mean kind?",
    ]
    # What another generator has is none of this one's business, however close its name is.
    make_distribution(tmp_path / "site", "close-by", modules={"close_by.py": OTHER})
    next(installed(tmp_path / "site", monkeypatch))
    settings.write_text("port: 1\nkinds: a\nSampleBasis.kinds: b\n")
    assert "warning" not in mx("generate", "SampleBase", cwd=project).err


def test_what_a_list_and_a_flag_give_is_said_in_words() -> None:
    assert defaults.shown(["a@acme.example", "b"]) == "a@acme.example, b"
    assert str(Default(True, "there")) == "yes, from there"
    assert defaults.shown(3.5) == "3.5"


def test_an_empty_file_and_none_are_fine(mx: Mx, settings: Path) -> None:
    settings.write_text("# nothing yet\n")
    assert mx("generate", "SampleBase", "one").code == 0
    settings.unlink()
    assert defaults.company() == {}


def test_where_the_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mxdev.system.user_dirs import config_folder

    monkeypatch.delenv("MX_CONFIG_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert config_folder() == tmp_path / ".config/mx"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    assert config_folder() == tmp_path / ".config/mx"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert config_folder() == tmp_path / "xdg/mx"


def test_two_plugins_that_differ_are_told_once_and_neither_counts(
    mx: Mx, tmp_path: Path, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company(tmp_path / "a", monkeypatch, "aa-one", region="a", description="same")
    company(tmp_path / "b", monkeypatch, "bb-two", region="b", description="same")
    said = mx("generate", "SampleBase", "one")
    assert options_of(tmp_path / "one") == {"name": "one", "region": "one-1", "description": "same"}
    assert said.err.count("the default of region is left out: aa-one 1.0 and bb-two 1.0 differ on it") == 1
    settings.write_text("region: mine\n")
    model._warned.clear()
    said = mx("generate", "SampleBase", "two")
    assert "left out" not in said.err
    assert options_of(tmp_path / "two")["region"] == "mine"


def test_free_text_stays_free_text(settings: Path, mx: Mx, tmp_path: Path) -> None:
    settings.write_text("description: '\"; rm -rf / #'\n")
    assert mx("generate", "SampleBase", "one").code == 0
    with pytest.raises(UsageProblem):
        resolve(
            [option("--size", type=int, default=1)],
            Sources(environment={}, defaults={"size": Default("x", "y")}),
        )
