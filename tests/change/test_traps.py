"""The traps that other generators fell into, one test each."""

from __future__ import annotations

import errno

from changing import World
from disks import FailingFS

from mxdev.disk import fs

TEXT = "one\ntwo\nthree\n"


def test_copier_overwrites_first_and_hides_conflicts(world: World) -> None:
    """`copier update` writes its own version, repairs after, and exits 0 with conflicts in the files."""
    world.base.files = {"a.txt": TEXT, "b.txt": "b\n"}
    world.start()
    world.edit("a.txt", "two", "mine")
    world.base.files = {"a.txt": TEXT.replace("two", "2"), "b.txt": "b2\n"}
    before = world.tree()
    assert world.mx("update", stdin="y\ny\n").code == 1
    assert world.tree() == before
    answer = world.mx("update", "--on-conflict", "merge")
    assert answer.code == 1
    assert "conflict markers in them now:\n  a.txt" in answer.err
    assert world.mx("status", "--exit-code").code == 1


def test_cruft_leaves_reject_files_and_forgets_its_state(world: World) -> None:
    """`cruft update` drops `.rej` files beside what it could not apply, and takes the new version as reached."""
    world.base.files = {"a.txt": TEXT}
    world.start()
    world.edit("a.txt", "two", "mine")
    world.base.files = {"a.txt": TEXT.replace("two", "2")}
    for _ in range(2):  # a refused update is refused again: nothing was taken for done
        assert world.mx("update", "--json").rows == {"a.txt": "conflict"}
    assert sorted(path.name for path in world.root.iterdir()) == [".mx", "a.txt", "mx.yaml"]


def test_thor_pretend_still_asks_and_no_answer_means_overwrite(world: World) -> None:
    """Thor's `--pretend` asks about conflicts, and the end of its input is a yes."""
    world.base.files = {"a.txt": TEXT}
    world.start()
    world.edit("a.txt", "two", "mine")
    world.base.files = {"a.txt": TEXT.replace("two", "2")}
    before = world.tree()
    for arguments in (["update", "--pretend"], ["update"]):
        answer = world.mx(*arguments, stdin="")
        assert answer.code == 1
        assert "Overwrite" not in answer.err
        assert world.tree() == before


def test_rails_destroy_deletes_edited_files(world: World) -> None:
    """`rails destroy` deletes what it generated, edited or not, and files that others share."""
    world.extra.files = {"controller.txt": "c\n", "view.txt": "v\n"}
    world.extra.sections = [("routes.yaml", "extra", 1)]
    world.base.sections = [("routes.yaml", "base", 1)]
    world.start()
    world.ok("generate", "WorldExtra")
    world.write("controller.txt", "a day of work\n")
    answer = world.ok("destroy", "WorldExtra")
    assert world.text("controller.txt") == "a day of work\n"
    assert "orphan  controller.txt  (you edited it)" in answer.out
    assert not world.has("view.txt")
    assert world.text("routes.yaml") == "base: 1\n"


def test_kubebuilder_skips_silently_where_a_marker_is_missing(world: World) -> None:
    """kubebuilder inserts at a marker, and does nothing when somebody removed it."""
    world.base.sections = [("s.yaml", "deployments.base", {"a": 1})]
    world.app.sections = [("s.yaml", "deployments.@short@", {"port": "@port@"})]
    world.start()
    world.write("s.yaml", "deployments: {base: {a: 1}}   # in flow style now\n")
    before = world.tree()
    answer = world.mx("generate", "WorldApp", "one")
    assert answer.code == 4
    assert "s.yaml" in answer.err
    assert "port: 80" in answer.err  # what to paste
    assert world.tree() == before
    world.write("s.yaml", "mine: 1\n")  # the parent is gone: it comes again
    world.ok("generate", "WorldApp", "one")
    assert world.text("s.yaml") == "mine: 1\ndeployments:\n  one:\n    port: 80\n"


def test_nx_writes_half_a_change(world: World) -> None:
    """Nx flushes its tree file by file: the disk runs full, and the project is neither old nor new."""
    world.base.files = {f"{number}.txt": "1\n" for number in range(9)}
    world.start()
    world.base.files = {f"{number}.txt": "2\n" for number in range(9)}
    before = world.tree()
    with fs.use(FailingFS(12, errno.ENOSPC)) as disk:
        answer = world.mx("update")
    assert disk.failed  # type: ignore[attr-defined]
    assert answer.code == 4
    assert "the disk is full" in answer.err
    assert world.tree() == before
