"""Names that a tool downstream refuses are refused here, with another; those that are accepted pass the tools' own grammars."""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mxdev.errors import MxError, UsageProblem
from mxdev.testing import contents, render, render_all
from mxdev_generators.names import installed, rules
from mxdev_generators.plugin.generator import NAME as PLUGIN_NAME
from mxdev_generators.project import naming

REFUSED = {
    "import": "keyword", "match": "keyword", "json": "standard library", "test": "standard library",
    "imp": "standard library", "git": "what it requires", "click": "requires", "docker": "requires",
    "hydra-core": "requires", "scikit-learn": "requires", "sklearn": "what it requires", "yaml": "what it requires",
    "attr": "what it requires", "tests": "folder of the project", "conf": "folder of the project", "no": "YAML",
    "on": "YAML", "off": "YAML", "yes": "YAML", "true": "YAML", "false": "YAML", "null": "YAML", "con": "Windows",
    "aux": "Windows", "nul": "Windows", "com1": "Windows", "default": "Kubernetes", "kube-system": "Kubernetes",
    "kube-churn": "Kubernetes", "pip": "install packages with", "pkg-resources": "install packages with",
    "hydra-plugins": "Hydra", "mlruns": "Git ignores", "mlartifacts": "Git ignores",
    "type": "keyword", "pil": "what it requires", "streamlit": "requires", "altair": "requires", "kubernetes": "requires",
    "jupyterlab": "requires", "ipython": "requires", "s3fs": "requires", "cvat-sdk": "requires",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_another_is_not(name: str) -> None:
    with pytest.raises(UsageProblem, match=REFUSED[name]) as raised:
        render("MLProjectSkeleton", name=name, skip_git=True)
    other = re.search(r"Take another, such as (\S+)$", str(raised.value), re.MULTILINE)
    assert other
    assert naming.PROJECT_NAME.convert(other[1], None, None) == other[1]


@pytest.mark.parametrize(
    "name",
    [
        "test",
        "pytest",
        "no-mx-no",
        "mxdev",
        "mx-devtool",
        "click",
        "aux",
        "yes",
        "tests",
        "rich",
        "pip",
        "git",
        "hydra-core",
    ],
)
def test_a_plugin_of_such_a_name(name: str) -> None:
    if name == "no-mx-no":
        assert render("Plugin", name=name, skip_git=True).files
        return
    with pytest.raises(UsageProblem, match="cannot be the name"):
        render("Plugin", name=name, skip_git=True)


BUCKETS = [
    ({"name": "google-reviews", "project_id": "acme-ml"}, "NAME google-reviews"),
    ({"name": "churn", "project_id": "google-ml"}, "--project-id google-ml"),
    ({"name": "goog-x", "project_id": "goog-ml-prod"}, "--project-id goog-ml-prod"),
    ({"name": "goog-x"}, "--project-id goog-x"),
    ({"name": "my-g00gle", "project_id": "acme-ml"}, "NAME my-g00gle"),
]


@pytest.mark.parametrize(("options", "said"), BUCKETS)
def test_buckets_that_google_refuses(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageProblem, match=re.escape(said)):
        render("MLProjectSkeleton", skip_git=True, **options)
    assert render("MLProjectSkeleton", skip_git=True, cloud="existing", **options).files


def test_a_bucket_that_google_takes() -> None:
    assert render("MLProjectSkeleton", name="goggles", project_id="acme-ml", skip_git=True).files
    assert render("MLProjectSkeleton", name="goog-x", project_id="acme-ml", skip_git=True).files


def test_every_rule_has_its_source() -> None:
    for rule in {*rules.PROJECT_NAME, *rules.PLUGIN_NAME, rules.BUCKET}:
        assert rule.tool
        assert rule.source


NAMES = st.one_of(
    st.from_regex(naming.PROJECT_NAME.regex, fullmatch=True),
    st.sampled_from(sorted({*REFUSED, *installed.PROJECT_DISTRIBUTIONS, *installed.PROJECT_MODULES, *keyword.kwlist,
                            *sys.stdlib_module_names, "infinity", "nan", "e10", "o7", "x-1", "churn-model"})),
)  # fmt: skip
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*")  # github.com/distribution/reference, path-component


@given(NAMES)
def test_what_is_accepted_passes_the_grammars(name: str) -> None:
    if (
        not naming.PROJECT_NAME.regex
        or not re.fullmatch(naming.PROJECT_NAME.regex, name)
        or naming.PROJECT_NAME.check(name)
    ):
        return
    assert yaml.safe_load(f"a: {name}") == {"a": name}
    assert yaml.load(f"a: {name}", Loader=yaml.CSafeLoader) == {"a": name}
    compile(f"import {rules.package_name(name)}", "x", "exec")
    assert Requirement(f"{name}==0.1.0").name == name == canonicalize_name(name)
    assert _DNS_LABEL.fullmatch(name)
    assert _IMAGE.fullmatch(name)


def test_what_is_installed_in_a_project_is_refused() -> None:
    """Every module and distribution of an environment of the rendered project, as far as a name may have its letters."""
    from ml_environment import interpreter

    names = _installed(interpreter())
    accepted = [
        name
        for name in names
        if re.fullmatch(naming.PROJECT_NAME.regex, name) and rules.problem(name, rules.PROJECT_NAME) is None
    ]
    assert accepted == []


def test_what_is_installed_beside_a_plugin_is_refused() -> None:
    """As far as mx itself requires it: this environment has more."""
    wanted = {
        "click",
        "copier",
        "filelock",
        "jinja2",
        "packaging",
        "platformdirs",
        "pluggy",
        "pyyaml",
        "rich",
        "yaml",
    }
    for name in {*wanted, "pytest", "ruff", "mypy", "mx-devtool"}:
        assert rules.problem(name, (rules.PLUGIN,)), name
    assert PLUGIN_NAME.check is not None


_LIST = """
import importlib.metadata, json, re
names = set()
for name, dists in importlib.metadata.packages_distributions().items():
    names |= {name.replace("_", "-"), *(re.sub(r"[-_.]+", "-", dist).lower() for dist in dists)}
print(json.dumps(sorted(names)))
"""


def _installed(python: Path) -> list[str]:
    done = subprocess.run([python, "-c", _LIST], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def test_no_package_is_ignored_by_the_project_that_it_is_in() -> None:
    """A pattern without a slash but at its end is one for every folder of that name, the package too."""
    run = render_all("MLProjectSkeleton", name="churn-model", skip_git=True)
    lines = contents(run)[".gitignore"].decode().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    folders = [pattern.rstrip("/") for pattern in patterns if "/" not in pattern.rstrip("/")]
    assert "mlruns" in folders
    accepted = [name for name in folders if re.fullmatch(naming.PROJECT_NAME.regex, name)]
    assert [name for name in accepted if rules.problem(name, rules.PROJECT_NAME) is None] == []


PATHS = ["a\nb", "CON", "con.txt", "docs/nul.md", "dot.", "blank ", "lpt1/x", "a\u202eb", "a\u2028b"]


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_is_not_possible_everywhere_is_refused(path: str) -> None:
    from mxdev.generator.tree import check_path

    with pytest.raises(MxError, match="cannot be the name of a file everywhere"):
        check_path(path)


@pytest.mark.parametrize("path", ["console.txt", "a b", ".env", "a.b.c", "common/x", "nullable.py", "ä"])
def test_a_path_that_is_possible(path: str) -> None:
    from mxdev.generator.tree import check_path

    check_path(path)


def test_every_generator_renders_paths_that_are_possible_everywhere() -> None:
    for name in ("GitLabCI", "GitHubActions", "CloudBuildDefaultConfig", "DistributedTraining"):
        assert render_all(name, name="churn-model", skip_git=True).renderings
