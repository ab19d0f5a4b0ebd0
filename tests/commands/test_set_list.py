"""`mx set` without KEY=VALUE: the options, their values, and where each one stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Mx, State

from mxdev import option
from mxdev.generator import Pattern


def rows(out: str) -> dict[str, tuple[str, str]]:
    head, *lines = out.splitlines()
    assert head.split() == ["KEY", "FROM", "VALUE"]
    cells = [line.split(maxsplit=2) for line in lines]
    return {cell[0]: (cell[1], cell[2] if len(cell) > 2 else "") for cell in cells}


def line_of(project: Path, key: str) -> int:
    lines = (project / "mx.yaml").read_text().splitlines()
    return next(at for at, text in enumerate(lines, 1) if text.strip().startswith(f"{key}:"))


def test_each_option_with_its_value_and_its_place(
    mx: Mx, project: Path, look: Callable[[Path], State]
) -> None:
    assert mx("generate", "SampleApp", "one", "--port", "81", cwd=project).code == 0
    assert mx("set", "tag=a", "tag=b", cwd=project).code == 0
    before = look(project)
    (project / "conf").mkdir(exist_ok=True)
    result = mx("set", cwd=project / "conf")
    assert result.code == 0, result.err
    found = rows(result.out)
    assert list(found)[:3] == ["name", "description", "region"]
    assert found["region"] == (f"mx.yaml:{line_of(project, 'region')}", "demo-1")
    assert found["description"] == (f"mx.yaml:{line_of(project, 'description')}", "A sample.")
    assert found["SampleBase.tag"] == (".mx/generators", "a, b")
    assert found["SampleBase.quiet"] == (".mx/generators", "no")
    assert found["SampleApp:one.port"] == (".mx/generators", "81")
    # A secret is recorded nowhere; a name of an instance cannot be set.
    assert not [key for key in found if key.endswith((".token", ":one.name"))]
    assert look(project) == before
    for key in found:  # each key is one that `mx set KEY=VALUE` knows
        assert "No option here" not in mx("set", f"{key}=", "--dry-run", cwd=project).err


def test_what_is_recorded_nowhere_is_a_default(
    mx: Mx, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    record = project / ".mx/generators/SampleBase.yaml"
    record.write_text(record.read_text().replace("  size: 1\n", "").replace("  kind: small\n", ""))
    text = (project / "mx.yaml").read_text()
    (project / "mx.yaml").write_text(text.replace("  region: demo-1\n", ""))
    (tmp_path / "config").mkdir()
    (tmp_path / "config/defaults.yaml").write_text("size: 3\n")
    monkeypatch.setenv("MX_CONFIG_DIR", str(tmp_path / "config"))
    found = rows(mx("set", cwd=project).out)
    assert found["SampleBase.size"] == (str(tmp_path / "config/defaults.yaml"), "3")
    assert found["SampleBase.kind"] == ("default", "small")
    assert found["region"] == ("default", "demo-1")  # which is made from the name


def test_an_option_of_one_instance_that_has_the_name_of_a_project_option(
    mx: Mx, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from acme_samples.app import SampleApp

    word = Pattern("[a-z-]+", "letters and -")
    own = (
        option("--region", type=word, default="mine", help="Of its own."),
        option("--zone", type=word, default=lambda values: f"{values['region']}-a", help="In its region."),
    )
    monkeypatch.setattr(SampleApp, "options", (*SampleApp.options, *own))
    assert mx("generate", "SampleApp", "one", "--region", "there", cwd=project).code == 0
    record = project / ".mx/generators/SampleApp.one.yaml"
    assert "region: there" in record.read_text()
    record.write_text(record.read_text().replace("  zone: there-a\n", ""))
    found = rows(mx("set", cwd=project).out)
    assert found["SampleApp:one.region"] == (".mx/generators", "there")
    assert found["SampleApp:one.zone"] == ("default", "there-a")
    assert found["region"][1] == "demo-1"


def test_a_line_that_no_generator_reads_is_told(mx: Mx, project: Path) -> None:
    (project / "mx.yaml").write_text((project / "mx.yaml").read_text() + "  regoin: there\n")
    result = mx("set", cwd=project)
    assert rows(result.out)["regoin"] == (f"mx.yaml:{line_of(project, 'regoin')}", "there")
    assert f"mx.yaml:{line_of(project, 'regoin')}: no generator here has an option regoin." in result.err


def test_json(mx: Mx, project: Path) -> None:
    answer = mx("set", "--json", cwd=project).json
    assert (answer["version"], answer["error"]) == (1, None)
    assert {"key": "SampleBase.size", "value": 1, "source": ".mx/generators", "declared": True} in answer[
        "options"
    ]
    (project / "mx.yaml").unlink()
    result = mx("set", "--json", cwd=project)
    assert "mx.yaml" in result.json["error"]
    assert result.code == 4


def test_an_instance_whose_plugin_is_gone(mx: Mx, project: Path) -> None:
    record = project / ".mx/generators/SampleBase.yaml"
    record.write_text(record.read_text().replace("generator: SampleBase", "generator: SampleGone"))
    result = mx("set", cwd=project)
    assert result.code == 4
    assert rows(result.out)["region"][1] == "demo-1"
    assert "not listed: SampleBase: " in result.err
    assert "SampleGone" in result.err


def test_a_word_that_is_no_assignment(mx: Mx, project: Path) -> None:
    result = mx("set", "region", cwd=project)
    assert result.code == 2
    assert "expected KEY=VALUE, got 'region'" in result.err
    assert "`mx set` alone lists all options" in result.err
