"""What Terraform is told is what mx reads: the same files, the same order, the same texts; the real Terraform is asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from mxdev.errors import MxError
from mxdev.project import tfvars

NAMES = [
    "shell",
    "first",
    "json",
    "auto",
    "late",
    "own",
    "quoted",
    "dollar",
    "number",
    "nested",
    "commented",
    "kept",
]
FILES = {
    "terraform.tfvars": """\
first = "terraform.tfvars" # "not this"
json  = "terraform.tfvars"
kept  = "kept"
auto  = "terraform.tfvars"
quoted = "a \\"b\\" \\u00e9\\t}"   // {
dollar = "$${literal} %%{too} $5"
number = 3
/* commented = "in a comment"
*/ commented = "written"
nested = "outside"
other = {
  nested = "inside"
  # }
  text = "}"
}
long = <<EOT
kept = "in a long text"
EOT
own = "terraform.tfvars"
""",
    "terraform.tfvars.json": json.dumps({"json": "terraform.tfvars.json", "late": "terraform.tfvars.json"}),
    "b.auto.tfvars": 'auto = "b"\nlate = "b"\r\n',
    "a.auto.tfvars": 'auto = "a"\n',
    "c.auto.tfvars.json": json.dumps({"late": "c", "own": "c"}),
    "aside.tfvars": 'first = "nobody reads this"\n',
    "environments/staging.tfvars": 'own = "staging"\n',
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / tfvars.FOLDER
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    declared = "\n".join(f'variable "{name}" {{ type = string }}' for name in NAMES)
    (folder / "main.tf").write_text(f'{declared}\nvariable "other" {{}}\nvariable "long" {{}}\n')
    monkeypatch.setenv("TF_VAR_shell", 'as "it" is')
    monkeypatch.setenv("TF_VAR_first", "a file says it, too")
    return tmp_path


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
@pytest.mark.parametrize("environment", [None, "staging"])
def test_terraform_uses_the_same_values(root: Path, environment: str | None) -> None:
    asked = ", ".join(f"{name} = var.{name}" for name in NAMES)
    extra = [f"-var-file=environments/{environment}.tfvars"] if environment else []
    answer = subprocess.run(
        ["terraform", "console", *extra],
        cwd=root / tfvars.FOLDER, input=f"jsonencode({{{asked}}})\n", capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = tfvars.told(root, environment)
    assert {name: tfvars.text(told, name) for name in NAMES} == json.loads(json.loads(answer.stdout))


def test_the_last_place_counts(root: Path) -> None:
    told = {name: value.place for name, value in tfvars.told(root, "staging").items()}
    folder = tfvars.FOLDER
    assert told["shell"] == "TF_VAR_shell"
    assert told["first"] == f"{folder}/terraform.tfvars"
    assert told["auto"] == f"{folder}/b.auto.tfvars"
    assert told["late"] == f"{folder}/c.auto.tfvars.json"
    assert told["own"] == f"{folder}/environments/staging.tfvars"


@pytest.mark.parametrize("written", ["<<EOT\nus-east1\nEOT", '"${local.region}"', '["europe-west4"]', "null"])
def test_what_only_terraform_knows_is_said(root: Path, written: str) -> None:
    (root / tfvars.FOLDER / "z.auto.tfvars").write_text(f"\nregion = {written}\n")
    with pytest.raises(MxError) as problem:
        tfvars.text(tfvars.told(root), "region")
    assert problem.value.message.startswith(f"{tfvars.FOLDER}/z.auto.tfvars:2: region is no plain text")
    assert 'region = "..."' in (problem.value.hint or "")


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_a_file_that_is_no_json(root: Path, text: str) -> None:
    (root / tfvars.FOLDER / "z.auto.tfvars.json").write_text(text)
    with pytest.raises(MxError, match=r"z\.auto\.tfvars\.json is no "):
        tfvars.told(root)


@pytest.mark.parametrize(
    "text",
    [
        'x = "' + 150_000 * '\\"',  # nobody closed it
        40_000 * 'some = "value"\n',
    ],
)
def test_the_time_it_takes_grows_with_the_size(text: str) -> None:
    begin = time.process_time()
    list(tfvars.parsed(text.encode()))
    assert time.process_time() - begin < 3  # s; it was minutes


def test_lines_are_counted_over_what_is_long() -> None:
    text = '/* one\ntwo */\nlong = <<EOT\nx\nEOT\nopen = "abc\nlast = "here"\nof = [\n  1,\n]\nend = 2'
    lines = {name: (value.line, value.text) for name, value in tfvars.parsed(text.encode())}
    assert lines == {
        "long": (3, None),
        "open": (6, None),
        "last": (7, "here"),
        "of": (8, None),
        "end": (11, "2"),
    }


def test_a_link_out_of_the_project_is_not_followed(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "values"
    outside.write_text('kept = "of somebody else"\n')
    (root / tfvars.FOLDER / "z.auto.tfvars").symlink_to(outside)
    with pytest.raises(MxError, match=r"z\.auto\.tfvars.* leaves "):
        tfvars.told(root)


def test_a_file_where_the_folder_would_be_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "infrastructure").write_text("nothing of Terraform\n")
    assert not [name for name, value in tfvars.told(tmp_path).items() if value.line]
