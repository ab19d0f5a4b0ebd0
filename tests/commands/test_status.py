"""`mx status` remembers what it found: it renders nothing where nothing changed, and says what it says without a memory."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sites import make_distribution

import mxdev

pytestmark = pytest.mark.noted()

HOOKS = """
from mxdev import hookimpl, lazy
@hookimpl
def mx_generators():
    return [lazy(f"acme_rows.generators:{name}") for name in ("Base", "App", "Fed", "Special", "Loud", "Asking")]
@hookimpl
def mx_template_filters():
    return [lazy("acme_rows.filters:shout")]
@hookimpl
def mx_defaults():
    return {"company": "acme"}
"""
GENERATORS = """
from pathlib import Path
import subprocess
import click
from acme_helper import WORD
from mxdev import Generator, argument, option
from mxdev.generator.options import Pattern
WORDS = Pattern("[a-z]+", "letters")
class Base(Generator):
    "Start."
    scope = "new"
    arguments = (argument("NAME", type=WORDS, help="Name.", shared=True),)
    options = (option("--region", type=WORDS, default="here", help="Where.", shared=True), option("--size", type=int, default=1))
    def generate(self, tree):
        tree.file("base.txt", f"size {self.values.size}\\n")
        tree.section("shared.yaml", "base.size", self.values.size)
class App(Generator):
    "Add."
    requires = ("Base",)
    options = (option("--port", type=int, default=80), option("--company", type=WORDS, default="none"))
    def generate(self, tree):
        tree.render("templates")
        data = Path(__file__).with_name("data.txt").read_text()
        tree.file("app.txt", f"{WORD} {data} {self.values.size} {self.values.region}\\n", executable=True)
        tree.section("shared.yaml", "app", {"port": self.values.port, "company": self.values.company})
        tree.section("notes.txt", self.instance, f"port {self.values.port}\\n")
class Fed(Generator):
    "Asks where it is used."
    def generate_on(self, tree, occasion):
        tree.file("fed.txt", "fed\\n")
class Special(Generator):
    "Has options from elsewhere."
    @classmethod
    def specialise(cls, options, freshness, recorded):
        return cls
    def generate(self, tree):
        tree.file("special.txt", "special\\n")
class Loud(Generator):
    "Talks."
    def generate(self, tree):
        print("loud")
        tree.file("loud.txt", "loud\\n")
class Asking(Generator):
    "Asks another program."
    def generate(self, tree):
        tree.file("asking.txt", subprocess.run(["echo", "hi"], capture_output=True, text=True).stdout)
"""
SPY = """
import sys
del sys.path[0]  # the current folder, which a console script has not
from mxdev import cli
code = cli.run(ARGUMENTS)
sys.stdout.flush()
sys.stderr.write("\\n@" + " ".join(sorted(sys.modules)))
sys.exit(code)
"""
RENDERED = "jinja2"  # imported where something is rendered
PARSED = "yaml"


Answer = tuple[int, str, str]


@dataclass(frozen=True)
class World:
    """A project `demo`, the plugin `acme-rows`, and a user's cache and settings, all below one folder.

    Attributes:
        home: that folder.
    """

    home: Path

    @property
    def root(self) -> Path:
        return self.home / "demo"

    @property
    def site(self) -> Path:
        return self.home / "site"

    def mx(self, *arguments: str, cache: str = "cache") -> tuple[int, str, str, set[str]]:
        """Run mx in the project in a process of its own: code, stdout, stderr, and the modules that it imported."""
        env = {
            **os.environ, "PYTHONPATH": str(self.site), "MX_CACHE_DIR": str(self.home / cache),
            "MX_CONFIG_DIR": str(self.home / "settings"), "GIT_CONFIG_GLOBAL": os.devnull,
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", SPY.replace("ARGUMENTS", repr(list(arguments)))],
            cwd=self.root if self.root.is_dir() else self.home, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said, _, modules = done.stderr.rpartition("\n@")
        return done.returncode, done.stdout, said, set(modules.split())

    def answer(self, *more: str, cache: str = "cache") -> Answer:
        """What `mx status` says: its code, its JSON, its messages."""
        return self.mx("status", "--json", "--exit-code", *more, cache=cache)[:3]

    def afresh(self, *more: str) -> Answer:
        """The same without a memory."""
        shutil.rmtree(self.home / "empty", ignore_errors=True)
        return self.answer(*more, cache="empty")

    def settle(self) -> None:
        """Let the plugin's files grow older than what is too young to be believed."""
        time.sleep(1.2)

    @property
    def imported(self) -> set[str]:
        """Which of the two dear packages `mx status` imports."""
        return {RENDERED, PARSED} & self.mx("status")[3]


def make(home: Path) -> World:
    world = World(home)
    make_distribution(
        world.site, "acme-rows", module="acme_rows",
        modules={
            "acme_rows/__init__.py": HOOKS, "acme_rows/generators.py": GENERATORS, "acme_rows/data.txt": "data",
            "acme_rows/filters.py": "def shout(text):\n    return text.upper()\n", "acme_helper.py": "WORD = 'word'\n",
            "acme_rows/templates/page.txt.jinja": "{{ region | shout }} {{ port }}\n",
        },
    )  # fmt: skip
    assert world.mx("generate", "Base", "demo")[0] == 0
    assert world.mx("generate", "App")[0] == 0
    forget_company(world)
    return world


def forget_company(world: World) -> None:
    """As if it had been recorded before there was the option: so the default counts."""
    record = world.root / ".mx/generators/App.yaml"
    record.write_text(re.sub(r"  company: .*\n", "", record.read_text()))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose status is remembered."""
    world = make(tmp_path_factory.mktemp("rows"))
    world.settle()
    assert world.answer()[0] == 0
    shutil.copytree(world.root, world.home / "as-made", symlinks=True)
    return world


@pytest.fixture(scope="module")
def before(kept: World) -> Answer:
    """What is said of it as it was made, whichever test asks first."""
    shutil.rmtree(kept.root)
    shutil.copytree(kept.home / "as-made", kept.root, symlinks=True)
    kept.mx("status")
    return kept.answer()


@pytest.fixture
def world(kept: World) -> World:
    """The same project as it was made; what is compared by its bytes is still known."""
    shutil.rmtree(kept.root)
    shutil.copytree(kept.home / "as-made", kept.root, symlinks=True)
    kept.mx("status")
    return kept


def test_what_did_not_change_is_neither_rendered_nor_parsed(world: World) -> None:
    code, out, err, modules = world.mx("status")
    assert (code, out, err) == (
        0,
        "App (acme-rows 1.0)\n  up to date\nBase (acme-rows 1.0)\n  up to date\n",
        "",
    )
    assert not modules & {RENDERED, PARSED, "acme_rows", "mxdev.plan.build", "mxdev.workflow.update"}
    assert world.answer() == world.afresh()
    assert world.answer("Base") == world.afresh("Base")


# --- a person's edits -------------------------------------------------------------------------------------------------

MARKED = "<<<<<<< yours\na\n=======\nb\n>>>>>>> theirs\n"


def _rename(root: Path) -> None:
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"], ["mv", "base.txt", "other.txt"]):
        _git(root, *command)


def _replace(path: str, old: str, new: str) -> Callable[[Path], object]:
    def change(root: Path) -> None:
        text = (root / path).read_text()
        assert old in text
        (root / path).write_text(text.replace(old, new))

    return change


def _link(root: Path) -> None:
    (root / "base.txt").rename(root / "elsewhere")
    (root / "base.txt").symlink_to("elsewhere")


EDITS: dict[str, tuple[Callable[[Path], object], bool]] = {  # and whether it has to be rendered to know
    "edited": (lambda root: (root / "base.txt").write_text("mine\n"), False),
    "executable": (lambda root: (root / "base.txt").chmod(0o755), False),
    "deleted": (lambda root: (root / "app.txt").unlink(), False),
    "renamed": (_rename, False),
    "a link": (_link, False),
    "a folder": (lambda root: ((root / "base.txt").unlink(), (root / "base.txt").mkdir()), False),
    "markers": (lambda root: (root / "base.txt").write_text(MARKED), True),
    "a section": (_replace("shared.yaml", "port: 80", "port: 99"), False),
    "beside the sections": (_replace("shared.yaml", "app:", "mine: 1\napp:"), False),
    "no shared file": (lambda root: (root / "shared.yaml").unlink(), False),
    "a shared file that is not YAML": (lambda root: (root / "shared.yaml").write_text("app: [\n"), True),
    "markers in a shared file": (lambda root: (root / "shared.yaml").write_text(MARKED), True),
    "a shared text file": (_replace("notes.txt", "port 80", "port 99"), False),
    "a damaged copy": (lambda root: (root / ".mx/pristine/Base/base.txt.pristine").write_text("x"), True),
    "no copy": (lambda root: (root / ".mx/pristine/App/app.txt.pristine").unlink(), True),
    "no copy of sections": (lambda root: (root / ".mx/pristine/App/shared.yaml.sections.pristine").unlink(), True),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_a_persons_edit_is_seen(world: World, before: Answer, name: str) -> None:
    edit, rendered = EDITS[name]
    edit(world.root)
    *now, modules = world.mx("status", "--json", "--exit-code")
    assert tuple(now) == world.afresh()
    assert (tuple(now) == before) == (name == "beside the sections")
    assert (RENDERED in modules) == rendered
    assert world.answer() == tuple(now)


def test_what_a_person_takes_back_is_up_to_date_again(world: World, before: Answer) -> None:
    (world.root / "base.txt").write_text("mine 1\n")
    assert world.answer() != before
    (world.root / "base.txt").write_text("size 1\n")
    assert world.answer() == before


def _git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


GIT: dict[str, Callable[[Path], object]] = {
    "a setting that Git stops at": lambda root: _git(root, "config", "core.worktree", "/"),
    "a record that is left out of the checkout": lambda root: (
        _git(root, "update-index", "--add", "--cacheinfo", "100644", _blob(root), ".mx/generators/Z.yaml"),
        _git(root, "update-index", "--skip-worktree", ".mx/generators/Z.yaml"),
    ),
}  # fmt: skip


def _blob(root: Path) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-w", "mx.yaml"], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", GIT)
def test_what_git_has_a_say_in_is_seen(world: World, before: Answer, name: str) -> None:
    _git(world.root, "init", "-q")
    _git(world.root, "add", "-A")
    _git(world.root, "commit", "-qm", "x")
    assert world.answer() == before
    assert world.imported == set()
    GIT[name](world.root)
    now = world.answer()
    assert now == world.afresh()
    assert now != before


def test_gits_settings_say_what_an_edit_is(world: World, before: Answer) -> None:
    _git(world.root, "init", "-q")
    (world.root / "app.txt").chmod(0o644)
    edited = world.answer()
    assert edited != before
    for setting in ("false", "true"):
        _git(world.root, "config", "core.fileMode", setting)
        assert world.answer() == world.afresh() == (before if setting == "false" else edited)


# --- what a rendering is a function of --------------------------------------------------------------------------------

STATE: dict[str, Callable[[Path], object]] = {
    "a recorded option": _replace(".mx/generators/App.yaml", "port: 80", "port: 81"),
    "an option of what is required": _replace(".mx/generators/Base.yaml", "size: 1", "size: 2"),
    "a project option": _replace("mx.yaml", "region: here", "region: there"),
    "another mx": _replace("mx.yaml", "requires-mx: ", "requires-mx: '>=99' #"),
    "a section laid over": lambda root: _put(root, ".mx/overrides/shared.yaml", "app: {port: 5}\n"),
    "a template laid over": lambda root: _put(root, ".mx/overrides/App/page.txt.jinja", "mine\n"),
    "an override of nothing": lambda root: _put(root, ".mx/overrides/Nobody/page.txt.jinja", "mine\n"),
    "merge markers": lambda root: (root / ".mx/generators/Base.yaml").write_text(MARKED),
    "no record": lambda root: (root / ".mx/generators/App.yaml").unlink(),
    "a record by a link": lambda root: _linked(root / ".mx/generators/App.yaml", root / "app-record"),
}


def _put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def _linked(path: Path, place: Path) -> None:
    place.write_text(path.read_text().replace("port: 80", "port: 82"))
    path.unlink()
    path.symlink_to(place)


@pytest.mark.parametrize("name", STATE)
def test_a_change_of_the_projects_state_is_seen(world: World, before: Answer, name: str) -> None:
    STATE[name](world.root)
    now = world.answer()
    assert now == world.afresh()
    assert now != before
    assert world.answer() == now


def _company(world: World) -> None:
    make_distribution(
        world.site, "acme-company",
        modules={"acme_company/__init__.py": "from mxdev import hookimpl\n@hookimpl\ndef mx_template_overrides():\n    return {'App': 'over'}\n",
                 "acme_company/over/page.txt.jinja": "company\n"},
        module="acme_company",
    )  # fmt: skip


def _version(world: World) -> None:
    info = world.site / "acme_rows-1.0.dist-info"
    (info / "METADATA").write_text((info / "METADATA").read_text().replace("1.0", "1.1"))
    info.rename(world.site / "acme_rows-1.1.dist-info")


def _mx(world: World) -> None:
    _replace("mxdev/commands/status.py", '_version": installed', '_version": "changed"')(world.site)


def _in_site(path: str, old: str, new: str) -> Callable[[World], object]:
    return lambda world: _replace(path, old, new)(world.site)


CODE: dict[str, Callable[[World], object]] = {
    "a generator": _in_site("acme_rows/generators.py", "size {", "SIZE {"),
    "a module that it imports": _in_site("acme_helper.py", "word", "WORD"),
    "a file that it reads": lambda world: _put(world.site, "acme_rows/data.txt", "DATA"),
    "a filter": _in_site("acme_rows/filters.py", "upper", "title"),
    "a template": lambda world: _put(world.site, "acme_rows/templates/page.txt.jinja", "new\n"),
    "a new template": lambda world: _put(world.site, "acme_rows/templates/sub/more.txt", "more\n"),
    "a template less": lambda world: (world.site / "acme_rows/templates/page.txt.jinja").unlink(),
    "a company's default": _in_site("acme_rows/__init__.py", '"acme"}', '"other"}'),
    "the user's default": lambda world: _put(world.home, "settings/defaults.yaml", "company: mine\n"),
    "a plugin's override": _company,
    "the plugin's version": _version,
    "a broken plugin": lambda world: make_distribution(
        world.site, "acme-broken", modules={"acme_broken.py": "1 / 0\n"}
    ),
    "mx itself": _mx,
    "no plugin": lambda world: shutil.rmtree(world.site / "acme_rows-1.1.dist-info"),
}


def test_every_change_of_the_installed_code_is_seen(tmp_path: Path) -> None:
    world = make(tmp_path)
    mine = Path(mxdev.__file__).parent
    shutil.copytree(mine, world.site / "mxdev", ignore=shutil.ignore_patterns("__pycache__"))
    world.answer()  # writes bytecode beside what it imports
    world.settle()
    world.answer()
    before = world.answer()
    for name, change in CODE.items():
        for _ in range(5):  # a busy machine takes longer than what is too young to be believed
            if world.imported == set():
                break
            world.settle()
        assert world.imported == set(), f"before {name}"
        change(world)
        now = world.answer()
        assert now == world.afresh(), name
        assert now != before, name
        world.mx("update")
        forget_company(world)
        world.answer()
        world.settle()
        world.answer()  # where the index of plugins is made anew, all of them are imported before anybody watches
        before = world.answer()


# --- what is not remembered -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Fed", "Special", "Loud", "Asking"])
def test_what_cannot_be_followed_is_rendered_each_time(world: World, name: str) -> None:
    assert world.mx("generate", name)[0] == 0
    world.settle()
    first = world.answer()
    assert RENDERED in world.imported
    assert world.answer() == first == world.afresh()
    assert RENDERED not in world.mx("status", "App", "Base")[3]


def test_files_that_are_too_young_are_not_believed(tmp_path: Path) -> None:
    world = make(tmp_path)
    (world.site / "acme_rows/data.txt").write_text("more")
    world.mx("status")
    assert not (world.home / "cache/status").exists()


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"up", b"UP", 1).replace(b"row", b"ROW")),
        lambda path: path.write_bytes(b"[" * 200_000),
        lambda path: path.write_bytes(path.read_bytes().replace(b"App", b"App\\u001b[31m")),
        lambda path: path.chmod(0o620),
        lambda path: path.chmod(0o602),
        lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")),
        lambda path: (path.unlink(), os.mkfifo(path)),
        pytest.param(
            lambda path: os.chown(path, 12345, 12345),
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away"),
        ),
    ],
)
def test_a_memory_that_is_damaged_or_open_to_others_is_none(
    world: World, before: Answer, harm: Callable[[Path], object]
) -> None:
    folder = world.home / "cache" / "status"
    (path,) = folder.glob("*.json")
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    shutil.copytree(folder, world.home / "as-kept")
    try:
        harm(path)
        assert RENDERED in world.imported
        assert world.answer() == before
    finally:
        shutil.rmtree(folder)
        (world.home / "as-kept").rename(folder)


def test_a_shape_that_is_sealed_and_wrong_is_none(world: World, before: Answer) -> None:
    import json

    from mxdev.workflow.status_memo import _seal

    (path,) = (world.home / "cache" / "status").glob("*.json")
    whole = path.read_bytes()
    data = json.loads(whole.partition(b"\n")[2])
    shapes = (
        [], {}, {**data, "instances": [1]}, {**data, "instances": {"App": {"row": 1}}}, {**data, "names": 3},
        {**data, "watched": [[1]]}, {**data, "instances": {"App": {**data["instances"]["App"], "row": {"instance": "App"}}}},
    )  # fmt: skip
    for wrong in shapes:
        path.write_bytes(_seal(wrong))  # type: ignore[arg-type]
        assert world.answer() == before
        path.write_bytes(whole)
