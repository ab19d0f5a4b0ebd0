"""Plugins: the index is right after every change, a broken one is one warning, and the rest works."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Mx, installed
from sites import make_distribution

from mxdev.errors import MxError
from mxdev.plugins import index, model, registry
from mxdev.plugins.model import lazy

GOOD = """
from mxdev import Generator, hookimpl, lazy
class {name}(Generator):
    "Made by {name}."
    scope = "anywhere"
    def generate(self, tree):
        tree.file("{name}.txt", "{name}")
@hookimpl
def mx_generators():
    return [{name}]
"""


@pytest.fixture
def site(tmp_path: Path, samples: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder on the path, beside the samples."""
    folder = tmp_path / "site"
    folder.mkdir()
    next(installed(folder, monkeypatch))
    return folder


def names() -> list[str]:
    """The generators, as a new process finds them."""
    index.forget()
    return [entry.name for entry in registry.entries("mx_generators")]


def by_dist() -> dict[str, model.Plugin]:
    index.forget()
    return {plugin.dist: plugin for plugin in registry.installed()}


def fresh(*arguments: str, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """mx in a process of its own."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), os.environ["PYTHONPATH"]])}
    return subprocess.run(
        [sys.executable, "-m", "mxdev", *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_index_follows_installing_editing_and_uninstalling(site: Path, tmp_path: Path) -> None:
    def listed() -> str:
        done = fresh("generate", path=site, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert "Late" not in listed()
    info = make_distribution(site, "late-one", modules={"late_one.py": GOOD.format(name="LateOne")})
    assert "LateOne" in listed()
    assert "LateOne" in listed()
    # Longer: within one second Python takes a module of the same length for the one whose bytecode it has.
    (site / "late_one.py").write_text(GOOD.format(name="LateSecond"))
    assert "LateSecond" in (text := listed())
    assert "LateOne" not in text
    # Upgraded: other metadata, other modules.
    shutil.rmtree(info)
    info = make_distribution(
        site, "late-one", modules={"late_three.py": GOOD.format(name="LateThree")}, version="2.0"
    )
    assert "LateThree" in (text := listed())
    assert "LateSecond" not in text
    (info / "entry_points.txt").write_text("[mxdev.v1]\nx = late_one\n")
    assert "LateSecond" in listed()
    shutil.rmtree(info)
    assert "Late" not in listed()


def test_an_edit_of_a_module_that_the_hook_reads_is_noticed(site: Path, tmp_path: Path) -> None:
    make_distribution(
        site, "in-parts",
        modules={
            "in_parts/__init__.py": "from in_parts.names import NAMES\nfrom mxdev import hookimpl, lazy\n@hookimpl\ndef mx_generators():\n"
            "    return [lazy(f'in_parts.names:{name}') for name in NAMES]\n",
            "in_parts/names.py": "NAMES = ['OneOfThem']\n",
        },
        module="in_parts",
    )  # fmt: skip
    assert "OneOfThem" in fresh("generate", path=site, cwd=tmp_path).stdout
    (site / "in_parts" / "names.py").write_text("NAMES = ['AnotherOfThem']\n")
    assert "AnotherOfThem" in fresh("generate", path=site, cwd=tmp_path).stdout


def test_a_warm_index_imports_and_scans_nothing(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_distribution(site, "warm-one", modules={"warm_one.py": GOOD.format(name="WarmOne")})
    assert "WarmOne" in names()
    monkeypatch.setattr(index, "_scan", lambda: pytest.fail("scanned again"))
    assert "WarmOne" in names()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"key": 1}', b"\xff"])
def test_a_damaged_cache_of_the_index_is_no_cache(site: Path, damage: bytes) -> None:
    assert "SampleBase" in names()
    place, key = index._cache_place()
    path = Path(place)
    assert path.is_file()
    path.write_bytes(damage.replace(b"1", json.dumps(key).encode()))
    assert "SampleBase" in names()


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "import error": ({"modules": {"broken_a.py": "import does_not_exist\n"}}, "ModuleNotFoundError: No module named 'does_not_exist'"),
    "syntax error": ({"modules": {"broken_b.py": "def (:\n"}}, "SyntaxError"),
    "exit at import": ({"modules": {"broken_c.py": "import sys\nsys.exit(0)\n"}}, "SystemExit: 0"),
    "no module": ({"module": "not_installed"}, "ModuleNotFoundError"),
    "an attribute": ({"modules": {"broken_d.py": ""}, "module": "broken_d:register"}, "broken_d:register"),
    "exception in the hook": (
        {"modules": {"broken_e.py": "from mxdev import hookimpl\n@hookimpl\ndef mx_generators():\n    raise ValueError('no')\n"}},
        "ValueError: no",
    ),
    "exit in the hook": (
        {"modules": {"broken_f.py": "from mxdev import hookimpl\n@hookimpl\ndef mx_generators():\n    raise SystemExit(3)\n"}},
        "SystemExit: 3",
    ),
    "no list": ({"modules": {"broken_g.py": "from mxdev import hookimpl\n@hookimpl\ndef mx_generators():\n    return 7\n"}}, "TypeError"),
    "odd things in the list": (
        {"modules": {"broken_h.py": "from mxdev import hookimpl\n@hookimpl\ndef mx_generators():\n    return [7]\n"}}, "there is 7 in its list, which has no name",
    ),
    "a wrong signature": (
        {"modules": {"broken_i.py": "from mxdev import hookimpl\n@hookimpl\ndef mx_generators(nothing):\n    return []\n"}},
        "PluginValidationError",
    ),
    "a wrong lazy": (
        {"modules": {"broken_j.py": "from mxdev import hookimpl, lazy\n@hookimpl\ndef mx_generators():\n    return [lazy('x')]\n"}},
        "ValueError",
    ),
    "a newer interface": (
        {"modules": {"broken_k.py": "raise SystemExit('imported')\n"}, "group": "mxdev.v2"},
        "version 2 of mx's plugin interface and this mx has version 1; update mx",
    ),
    "torn metadata": ({"modules": {"broken_l.py": ""}, "entry_points": "[mxdev.v1]\nnot an entry point\n"}, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_one_warning_that_names_it_and_the_rest_works(
    site: Path, mx: Mx, tmp_path: Path, case: str
) -> None:
    settings, says = BROKEN[case]
    make_distribution(site, "broken-plugin", version="3.1", **settings)
    for arguments in (["generate"], ["--help"], ["generate", "SampleBase", "demo", "--no-input"], ["hello"]):
        index.forget()
        model._warned.clear()
        result = mx(*arguments)
        assert result.code == 0, result.err
        lines = [line for line in result.err.splitlines() if line.strip()]
        assert len(lines) == 1, result.err
        assert lines[0].startswith("warning: the plugin broken-plugin 3.1 is left out: ")
        assert says in lines[0]
    assert (tmp_path / "demo" / "README.md").exists()
    rows = {row["name"]: row for row in mx("plugins", "--json").json}
    assert says in rows["broken-plugin"]["error"]
    assert rows["acme-samples"]["error"] is None
    assert "broken: " in mx("plugins").out


def test_a_plugin_that_was_mended_is_noticed(site: Path) -> None:
    make_distribution(site, "mended", modules={"mended_plugin.py": "raise ValueError\n"})
    assert by_dist()["mended"].error
    (site / "mended_plugin.py").write_text(GOOD.format(name="MendedOne"))
    sys.modules.pop("mended_plugin", None)
    import importlib

    importlib.invalidate_caches()
    assert by_dist()["mended"].error is None
    assert "MendedOne" in names()


@pytest.mark.parametrize("case", [*BROKEN, "a panic"])
def test_a_broken_plugin_does_not_make_the_index_be_made_at_every_start(
    site: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    panic = {"modules": {"broken_m.py": "class Panic(BaseException):\n    pass\nraise Panic('rust')\n"}}
    settings, says = BROKEN.get(case, (panic, "Panic: rust"))
    make_distribution(site, "broken-plugin", **settings)
    assert says in (by_dist()["broken-plugin"].error or "")
    monkeypatch.setattr(index, "_scan", lambda: pytest.fail("scanned again"))
    assert says in (by_dist()["broken-plugin"].error or "")


def test_a_broken_plugin_is_looked_at_again_when_any_module_of_it_changes(site: Path, tmp_path: Path) -> None:
    make_distribution(
        site, "in-ruins",
        modules={
            "space/ruins/__init__.py": "from space.ruins.inner import hook\nmx_generators = hook\n",
            "space/ruins/inner.py": "from space.ruins import later\nhook = later.mx_generators\n",
        },
        module="space.ruins",
    )  # fmt: skip

    def said() -> str:
        return fresh("generate", path=site, cwd=tmp_path).stderr

    assert "ImportError: cannot import name 'later'" in said()
    (site / "space/ruins/later.py").write_text("def (")
    assert "SyntaxError" in said()
    (site / "space/ruins/later.py").write_text(GOOD.format(name="Rebuilt"))
    assert said() == ""
    assert "Rebuilt" in fresh("generate", path=site, cwd=tmp_path).stdout


def test_the_list_of_plugins_looks_at_a_broken_one_again(site: Path, tmp_path: Path) -> None:
    source = f"import os\nos.environ['ACME_NEEDS']\n{GOOD.format(name='Needy')}"
    make_distribution(site, "needs-a-variable", modules={"needs_a_variable.py": source})
    assert "KeyError: 'ACME_NEEDS'" in fresh("generate", path=site, cwd=tmp_path).stderr
    path = os.pathsep.join([str(site), os.environ["PYTHONPATH"]])
    environment = {**os.environ, "PYTHONPATH": path, "ACME_NEEDS": "1"}

    def listed(command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mxdev", command], cwd=tmp_path, env=environment, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        return done.stdout

    assert "Needy" not in listed("generate")
    assert "generators: Needy" in listed("plugins")
    assert "Needy" in listed("generate")


def test_what_a_plugin_prints_is_no_part_of_the_answer(site: Path, mx: Mx) -> None:
    noisy = GOOD.format(name="Noisy").replace("    def generate", "    print('in class')\n    def generate")
    noisy = noisy.replace('tree.file("Noisy', 'print("in generate"); tree.file("Noisy')
    noisy += "print('in hook')\n@hookimpl\ndef mx_check_plan(plan):\n    print('in check')\n"
    make_distribution(site, "noisy-plugin", modules={"noisy_plugin.py": noisy})
    sys.modules.pop("noisy_plugin", None)
    index.forget()
    result = mx("generate", "Noisy", "--json")
    assert result.json["outcome"] == "applied"
    assert result.out.count("\n") == 1
    for said in ("in class", "in hook", "in generate", "in check"):
        assert said in result.err


def test_of_a_broken_plugin_an_instance_says_so(site: Path, mx: Mx, tmp_path: Path) -> None:
    make_distribution(site, "breaks-later", modules={"breaks_later.py": GOOD.format(name="BreaksLater")})
    index.forget()
    work = tmp_path / "work"  # beside the site: nothing in a project is a plugin
    work.mkdir()
    assert mx("generate", "BreaksLater", cwd=work).code == 0
    (site / "breaks_later.py").write_text("raise ValueError('torn')\n")
    sys.modules.pop("breaks_later", None)
    index.forget()
    (row,) = mx("status", "--json", cwd=work).json["instances"]
    assert row["problem"].startswith(
        "The plugin breaks-later 1.0, which renders BreaksLater, is broken: ValueError: torn ("
    )


def test_of_two_copies_the_first_on_the_path_counts(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_distribution(site, "twice-there", modules={"twice_there.py": GOOD.format(name="OldCopy")})
    newer = tmp_path / "newer"
    make_distribution(
        newer, "twice-there", modules={"twice_there.py": GOOD.format(name="NewCopy")}, version="2.0"
    )
    next(installed(newer, monkeypatch))
    assert by_dist()["twice-there"].version == "2.0"
    assert "NewCopy" in names()
    assert "OldCopy" not in names()


def test_a_distribution_may_have_several_entry_points(site: Path) -> None:
    make_distribution(
        site, "two-points",
        modules={"point_a.py": GOOD.format(name="PointA"), "point_b.py": GOOD.format(name="PointB")},
        entry_points="[mxdev.v1]\na = point_a\nb = point_b\n",
    )  # fmt: skip
    assert {"PointA", "PointB"} <= set(names())


def test_one_written_for_both_interfaces_is_used(site: Path) -> None:
    make_distribution(
        site, "both-apis", modules={"both_apis.py": GOOD.format(name="BothApis")},
        entry_points="[mxdev.v2]\na = not_there\n\n[mxdev.v1]\na = both_apis\n",
    )  # fmt: skip
    assert by_dist()["both-apis"].error is None
    assert "BothApis" in names()


def test_the_list_of_plugins(mx: Mx) -> None:
    rows = {row["name"]: row for row in mx("plugins", "--json").json}
    assert rows["acme-samples"].pop("seconds") < 60
    assert rows["acme-samples"] == {
        "name": "acme-samples", "version": "1.2.0", "module": "acme_samples",
        "generators": ["SampleBase", "SampleApp", "SampleClash", "SampleTool", "SampleExploding"],
        "commands": ["hello"], "lint_rules": [], "template_filters": [], "standards": [],
        "template_overrides": [], "defaults": [],
        "checks_plans": False, "up_steps": False, "unknown_hooks": [], "error": None,
    }  # fmt: skip
    assert next(iter(rows)) == "mx-devtool"
    out = mx("plugins").out
    assert "acme-samples 1.2.0\n  generators: SampleBase, " in out
    assert "  commands: hello\n" in out


def test_what_a_class_says_of_itself_when_it_is_not_lazy(site: Path) -> None:
    make_distribution(site, "eager-one", modules={"eager_one.py": GOOD.format(name="EagerOne")})
    (entry,) = (
        [entry for entry in registry.entries("mx_generators") if entry.name == "EagerOne"]
        if "EagerOne" in names()
        else []
    )
    assert (entry.help, entry.target, entry.dist, entry.version) == (
        "Made by EagerOne.",
        "eager_one:EagerOne",
        "eager-one",
        "1.0",
    )


def test_loading_names_the_plugin(site: Path) -> None:
    for target in ("sys:nothing", "no_such_module:x", "acme_samples.exploding:SampleExploding"):
        with pytest.raises(MxError, match=r"X of the plugin p 1 cannot be loaded"):
            model.Announced("X", "", target, "p", "1").load()


@pytest.mark.parametrize("target", ["", "x", ":y", "x:"])
def test_lazy_wants_a_module_and_an_attribute(target: str) -> None:
    with pytest.raises(ValueError, match="module:attribute"):
        lazy(target)


def test_a_generator_that_raises_is_its_plugins_error(site: Path, mx: Mx) -> None:
    source = GOOD.format(name="Raises").replace('tree.file("Raises.txt", "Raises")', "return 1 / 0")
    make_distribution(site, "raises-plugin", modules={"raises_plugin.py": source})
    index.forget()
    result = mx("generate", "Raises")
    assert result.code == 4
    assert (
        "Raises of the plugin raises-plugin 1.0 cannot be rendered: ZeroDivisionError: division by zero"
        in result.err
    )
    assert "raises_plugin.py:" in result.err
    assert mx("generate", "Raises", "--json").json["outcome"] == "error"


def test_an_option_that_mx_has_is_told(site: Path, mx: Mx) -> None:
    source = "from mxdev import option\n" + GOOD.format(name="Takes").replace(
        'scope = "anywhere"', 'scope = "anywhere"\n    options = (option("--json"),)'
    )
    make_distribution(site, "takes-option", modules={"takes_option.py": source})
    index.forget()
    result = mx("generate", "Takes")
    assert result.code == 4
    assert "Takes of takes-option declares --json" in result.err
