"""Names of which a project may have one, in files that do not clash by their paths: Kubernetes, Terraform, Docker."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import Wanted, World

from mxdev.errors import MxError
from mxdev.plan.names import of_file

SERVICE = "apiVersion: v1\nkind: Service\nmetadata:\n  {more}name: web\n  namespace: shop\n"
PLAIN = SERVICE.format(more="")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "project")


def stage(name: str) -> Wanted:
    """A section of a Dockerfile that is a stage of this name."""
    return Wanted(sections=[("docker/Dockerfile", f"section {name}", "FROM scratch AS Tool\n")])


def clashes() -> list[tuple[Wanted, Wanted, str]]:
    labelled = "---\n# B\n" + SERVICE.format(more="labels: {name: b}\n  ")
    block = 'resource "google_project" "one" {\n}\n'
    both = r"A and B both render the "
    return [
        (Wanted({"k/a.yaml": PLAIN}), Wanted({"k/b.yml": labelled}),
         rf"{both}Kubernetes object Service shop/web \(k/a.yaml and k/b.yml\)"),
        (Wanted({"t/a.tf": block}), Wanted({"t/b.tf": f"# B\n{block}"}), rf"{both}Terraform resource google_project.one in t \(t/a.tf and t/b.tf\)"),
        (Wanted({"t/a.tf": 'variable "zone" {}\n'}), Wanted({"t/b.tf": "variable zone {}\n"}), rf"{both}Terraform variable zone in t"),
        (Wanted({"t/a.tf": 'data "a_b" "c" {}\n'}), Wanted({"t/b.tf": 'data "a_b" "c" {}\n'}), rf"{both}Terraform data data.a_b.c"),
        (Wanted({"t/a.tf": "locals {\n  one = 1\n}\n"}), Wanted({"t/b.tf": "locals {\n  two = {\n    one = 2\n  }\n  one = 3\n}\n"}),
         rf"{both}Terraform local value one in t"),
        (stage("A"), stage("B"), rf"{both}stage tool in docker/Dockerfile"),
    ]  # fmt: skip


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(("one", "two", "says"), clashes())
def test_two_generators_that_give_one_name_are_refused_before_anything_is_written(
    world: World, one: Wanted, two: Wanted, says: str, at_once: bool
) -> None:
    if at_once:
        with pytest.raises(MxError, match=says):
            world.plan({"A": one, "B": two})
        return
    world.run({"A": one})
    with pytest.raises(MxError, match=says) as refused:
        world.run({"B": two})
    assert "mx destroy A" in (refused.value.hint or "")
    assert set(world.project.instances) == {"A"}
    world.run({"A": Wanted({"other": "1"})})
    assert world.run({"B": two})[1] == "applied"  # nobody has it any more


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"t/a.tf": 'variable "zone" {}\n'}, {"other/a.tf": 'variable "zone" {}\n'}),  # another module
        ({"t/a.tf": 'variable "zone" {}\n'}, {"t/a_override.tf": 'variable "zone" {}\n'}),
        ({"t/a.tf": 'variable "zone" {}\n'}, {"t/b.tf": 'output "zone" {}\n'}),
        ({"t/a.tf": 'variable "zone" {}\n'}, {"t/b.tf": '/*\nvariable "zone" {}\n*/\n'}),
        (
            {"t/a.tf": 'variable "zone" {}\n'},
            {"t/b.tf": 'locals {\n  a = <<EOT\nvariable "zone" {}\nEOT\n}\n'},
        ),
        ({"k/a.yaml": PLAIN}, {"k/b.yaml": PLAIN.replace("shop", "other")}),
        ({"k/a.yaml": PLAIN}, {"k/b.yaml": PLAIN.replace("v1", "serving.knative.dev/v1")}),
        ({"k/a.yaml": PLAIN}, {"k/b.yaml": PLAIN.replace("web", "web-{{ .Release.Name }}")}),
        (
            {"k/a.yaml": PLAIN},
            {"k/b.yaml": PLAIN.replace("  name:", "  generateName: w\n  labels:\n    name:")},
        ),
        ({"k/a.yaml": PLAIN}, {"o/kustomization.yaml": "patches: [{path: b.yaml}]\n", "o/b.yaml": PLAIN}),
    ],
)
def test_what_is_no_clash(world: World, one: dict[str, str], two: dict[str, str]) -> None:
    world.run({"A": Wanted(one)})
    assert world.run({"B": Wanted(two)})[1] == "applied"


def test_instances_of_one_generator_may_be_for_clusters_of_their_own(world: World) -> None:
    world.run({"A:staging": Wanted({"staging/a.yaml": PLAIN})})
    assert world.run({"A:production": Wanted({"production/a.yaml": PLAIN})})[1] == "applied"


def test_a_project_that_lives_with_a_clash_is_still_updated(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older mx let it pass; what is new is refused, what was there is not."""
    with monkeypatch.context() as older:
        older.setattr("mxdev.plan.names.taken", lambda project, renderings: ())
        world.run({"A": Wanted({"k/a.yaml": PLAIN}), "B": Wanted({"k/b.yaml": PLAIN})})
    assert world.run({"B": Wanted({"k/b.yaml": f"# new\n{PLAIN}"})})[1] == "applied"
    assert world.run({"B": Wanted({"k/renamed.yaml": PLAIN})})[1] == "applied"
    with pytest.raises(MxError, match="B and A both render the Kubernetes object Role"):
        world.run({"B": Wanted({"k/renamed.yaml": PLAIN, "k/c.yaml": PLAIN.replace("Service", "Role")}),
                   "A": Wanted({"k/a.yaml": PLAIN, "k/r.yaml": PLAIN.replace("Service", "Role")})})  # fmt: skip


def test_a_name_that_moves_to_another_instance_in_one_plan(world: World) -> None:
    world.run({"A": Wanted({"t/a.tf": 'variable "zone" {}\n'}), "B": Wanted({"b": "1"})})
    moved = {"A": Wanted({"a": "1"}), "B": Wanted({"t/b.tf": 'variable "zone" {}\n'})}
    assert world.run(moved)[1] == "applied"


def test_what_is_declared_behind_a_comment_and_a_long_text() -> None:
    text = '/* one */ # two\nlocals {\n  a = "gs://b/*"\n  b = <<-EOT\n  c = 1\n  EOT\n  d = 2\n}\nresource "a_b" "c" {\n'
    text += '  x = "${format("/*")}"\n}\noutput "o" {}\n'
    assert sorted(name.name for name in of_file("t/a.tf", text.encode())) == ["a", "a_b.c", "b", "d", "o"]


def test_what_a_manifest_names() -> None:
    """Several documents, comments, quotes, line ends of Windows."""
    text = (
        "# head\r\napiVersion: \"apps/v1\"\r\nkind: Deployment # d\r\nmetadata:\r\n  # c\r\n  name: 'web'\r\n"
    )
    text += "--- # next\r\nkind: List\r\n--- \r\nnothing: 1\r\n"
    assert [str(name) for name in of_file("a.yaml", text.encode())] == [
        "the Kubernetes object Deployment.apps web"
    ]
