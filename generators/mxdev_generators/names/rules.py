"""The rules of the tools that a name goes to, and the check of a name against those that concern it."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from mxdev_generators.names.installed import (
    PLUGIN_DISTRIBUTIONS,
    PLUGIN_MODULES,
    PROJECT_DISTRIBUTIONS,
    PROJECT_MODULES,
)
from mxdev_generators.names.installed_apps import APP_DISTRIBUTIONS, APP_MODULES
from mxdev_generators.names.installed_beam import BEAM_DISTRIBUTIONS, BEAM_MODULES


@dataclass(frozen=True)
class Rule:
    """What one tool refuses.

    Attributes:
        tool: who refuses it.
        source: where that is written.
        problem: why a name is refused, as the end of a sentence; None: it is not.
    """

    tool: str
    source: str
    problem: Callable[[str], str | None]


def package_name(name: str) -> str:
    """The import package of a distribution called `name`."""
    return name.replace("-", "_")


# Soft keywords of newer versions of Python than the one that runs here may be.
_NEWER_KEYWORDS = frozenset(["type"])


def _keyword(name: str) -> str | None:
    package = package_name(name)
    if keyword.iskeyword(package) or keyword.issoftkeyword(package) or package in _NEWER_KEYWORDS:
        return f"{package} is a keyword of Python, so it cannot be imported"
    return None


# In the folder of the standard library, and no part of `sys.stdlib_module_names`; those that newer versions dropped or added.
_MORE_OF_PYTHON = frozenset(
    [
        "test",
        "site-packages",
        "distutils",
        "lib2to3",
        "imp",
        "asynchat",
        "asyncore",
        "smtpd",
        "aifc",
        "audioop",
        "cgi",
        "cgitb",
        "chunk",
        "crypt",
        "imghdr",
        "mailcap",
        "msilib",
        "nis",
        "nntplib",
        "ossaudiodev",
        "pipes",
        "sndhdr",
        "spwd",
        "sunau",
        "telnetlib",
        "uu",
        "xdrlib",
        "annotationlib",
        "compression",
        "pathlib",
        "tomllib",
    ]
)


def _standard_library(name: str) -> str | None:
    package = package_name(name)
    if package in sys.stdlib_module_names or package in _MORE_OF_PYTHON:
        return f"{package} is a module of Python's standard library, which would be imported instead"
    return None


def _environment(distributions: Collection[str], modules: Collection[str]) -> Callable[[str], str | None]:
    def problem(name: str) -> str | None:
        if name in distributions:
            return f"{name} is a distribution that it requires itself, so that its requirements could not be installed"
        if package_name(name) in modules:
            return f"{package_name(name)} is a module of what it requires, and one of the two could not be imported"
        return None

    return problem


# `python -m venv` puts pip there, and with older versions the others; whoever installs the project takes its installer away.
_INSTALLERS = frozenset(["pip", "wheel", "pkg_resources", "easy_install", "distribute"])


def _installer(name: str) -> str | None:
    package = package_name(name)
    if package in _INSTALLERS:
        return f"{package} is what a new environment has to install packages with, and would be replaced"
    return None


def _hydra(name: str) -> str | None:
    if package_name(name) == "hydra_plugins":
        return "hydra_plugins is where Hydra looks for its plugins: it would import every file of the package at each start"
    return None


_IN_THE_PROJECT = frozenset(["tests", "docs", "conf", "src"])


def _folder(name: str) -> str | None:
    if package_name(name) in _IN_THE_PROJECT:
        return f"{package_name(name)} is a folder of the project itself"
    return None


_IGNORED = frozenset(["mlruns", "mlartifacts"])


def _gitignore(name: str) -> str | None:
    if name in _IGNORED:
        return f"Git ignores every folder called {name}: MLflow writes there, and the package would be in no commit"
    return None


# Plain, in any case: yes, no, on, off, true, false, y, n, null (and ~, which is not a letter).
_YAML = re.compile(r"y|n|yes|no|on|off|true|false|null", re.IGNORECASE)


def _yaml(name: str) -> str | None:
    return (
        f"YAML takes the bare word {name} for a flag or for nothing, not for text"
        if _YAML.fullmatch(name)
        else None
    )


_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE | re.DOTALL)


def _windows(name: str) -> str | None:
    return (
        f"{name} is a device on Windows, where no folder can be called so"
        if _DEVICES.fullmatch(name)
        else None
    )


def _namespace(name: str) -> str | None:
    if name == "default" or name.startswith("kube-"):
        return f"the namespace {name} is one of Kubernetes' own"
    return None


_GOOGLE = re.compile(r"google|g00gle|g0ogle|go0gle")


def _bucket(name: str) -> str | None:
    if _GOOGLE.search(name):
        return "the name of a bucket of Google Cloud Storage may not contain google or a misspelling of it"
    if name.startswith("goog"):
        return "the name of a bucket of Google Cloud Storage may not begin with goog"
    return None


# google is one, too: the rule for buckets says more about it.
RESTRICTED = ("null", "undefined", "ssl")


def _cloud_project(name: str) -> str | None:
    found = next((word for word in RESTRICTED if word in name), None)
    return f"Google Cloud makes no project whose id contains {found}" if found else None


_S3_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_S3_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def _s3(name: str) -> str | None:
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3}", name):
        return "the name of a bucket of S3 may not look like an IP address"
    if ".." in name:
        return "the name of a bucket of S3 may not have two dots side by side"
    for word in _S3_PREFIXES:
        if name.startswith(word):
            return f"the name of a bucket of S3 may not begin with {word}"
    for word in _S3_SUFFIXES:
        if name.endswith(word):
            return f"the name of a bucket of S3 may not end with {word}"
    return None


# Stages that BuildKit has itself: an empty image, and the folder that the image is built from.
_STAGES = frozenset(["context", "scratch"])


def _stage(name: str) -> str | None:
    return (
        f"{name} is a name that Docker keeps for itself among the stages of a Dockerfile"
        if name in _STAGES
        else None
    )


# Modules of the project with and without a cluster, what its tests are called, its entry points, what these tests import,
# the tags `stage` of its runs, and the same of `Acceptance`, which a project gets at most once.
# fmt: off
OWN_NAMES = frozenset(
    [
        "accept", "acceptance", "checkpoint", "conf", "config", "conftest", "data", "dataset", "datasets", "default", "device",
        "digits", "distributed", "evaluate", "evaluation", "fit", "folder", "hydra", "images", "loader", "main", "mlflow", "names", "optimization",
        "parquet", "plan", "processes", "provenance", "pytest", "stopping", "task", "tests", "torch", "toy", "tracking", "trainer",
        "training", "tumors", "zarr_arrays",
    ]
)
# fmt: on


def _own(name: str) -> str | None:
    return f"{name} stands for something in every project already" if name in OWN_NAMES else None


def _script(name: str) -> str | None:
    package = package_name(name)
    if _standard_library(name) or package in PROJECT_MODULES | BEAM_MODULES | APP_MODULES:
        return f"{package} is a module that is imported, and Python would take the file of that name, which lies beside what it runs"
    return None


PYTHON = Rule("Python", "https://docs.python.org/3/reference/lexical_analysis.html#keywords", _keyword)
STANDARD_LIBRARY = Rule("Python", "https://docs.python.org/3/library/sys.html#sys.path", _standard_library)
SCRIPT = Rule("Python", "https://docs.python.org/3/library/sys_path_init.html", _script)
PROJECT = Rule(
    "pip and uv", "https://pip.pypa.io/en/stable/topics/dependency-resolution/",
    _environment(
        PROJECT_DISTRIBUTIONS | BEAM_DISTRIBUTIONS | APP_DISTRIBUTIONS,
        PROJECT_MODULES | BEAM_MODULES | APP_MODULES,
    ),
)  # fmt: skip
PLUGIN = Rule(
    "pip and uv", "https://pip.pypa.io/en/stable/topics/dependency-resolution/",
    _environment(PLUGIN_DISTRIBUTIONS, PLUGIN_MODULES),
)  # fmt: skip
INSTALLER = Rule(
    "venv", "https://docs.python.org/3/library/venv.html#creating-virtual-environments", _installer
)
HYDRA = Rule(
    "Hydra", "https://hydra.cc/docs/advanced/plugins/develop/#automatic-plugin-discovery-process", _hydra
)
GITIGNORE = Rule("Git", "the project's .gitignore", _gitignore)
FOLDER = Rule("the project's layout", "its own folders", _folder)
OWN = Rule("the project's layout", "its modules, tests and entry points", _own)
YAML = Rule("YAML 1.1", "https://yaml.org/type/bool.html and https://yaml.org/type/null.html", _yaml)
WINDOWS = Rule("Windows", "https://learn.microsoft.com/windows/win32/fileio/naming-a-file", _windows)
KUBERNETES = Rule(
    "Kubernetes", "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/", _namespace
)
BUCKET = Rule("Google Cloud Storage", "https://cloud.google.com/storage/docs/buckets#naming", _bucket)
CLOUD_PROJECT = Rule(
    "Google Cloud",
    "https://cloud.google.com/resource-manager/docs/creating-managing-projects",
    _cloud_project,
)
S3 = Rule("Amazon S3", "https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html", _s3)
STAGE = Rule("BuildKit", "https://docs.docker.com/reference/build-checks/reserved-stage-name/", _stage)

PROJECT_NAME: Sequence[Rule] = (
    PYTHON, STANDARD_LIBRARY, PROJECT, INSTALLER, HYDRA, FOLDER, GITIGNORE, YAML, WINDOWS, KUBERNETES,
)  # fmt: skip
"""What a project's name goes to: a folder, a package, a distribution, a namespace, labels."""
PLUGIN_NAME: Sequence[Rule] = (
    PYTHON,
    STANDARD_LIBRARY,
    PLUGIN,
    PROJECT,
    INSTALLER,
    HYDRA,
    FOLDER,
    YAML,
    WINDOWS,
)
"""What a plugin's name goes to: a folder, a package, a distribution. It is installed beside mx, often in a project's environment."""

MODULE_NAME: Sequence[Rule] = (PYTHON, OWN, YAML, WINDOWS)
"""What the name of something in a project goes to: a module of its package, a test, a file of its configuration, an entry point."""

SCRIPT_NAME: Sequence[Rule] = (*MODULE_NAME, SCRIPT)
"""The same of what is run as a file: its folder is the first place in which Python looks for modules."""

ENVIRONMENT_NAME: Sequence[Rule] = (YAML, WINDOWS)
"""What the name of an environment goes to: files of values, labels, pipelines; what becomes a namespace begins with the project's name."""


def problem(name: str, rules: Sequence[Rule]) -> str | None:
    """Why one of the tools refuses `name`, as the end of a sentence; None: all take it."""
    return next((why for rule in rules if (why := rule.problem(name)) is not None), None)


def refusal(name: str, rules: Sequence[Rule], *, longest: int, ending: str) -> str | None:
    """A sentence on why `name` is refused, with another that is not; None where it is accepted.

    Args:
        name: of the right letters.
        rules: of the tools that it goes to.
        longest: characters that a name may have.
        ending: what is added to make another name of it, such as "-model".
    """
    why = problem(name, rules)
    if why is None:
        return None
    stem = name.removeprefix("kube-")[: longest - len(ending)].rstrip("-")
    return f"{name!r} cannot be the name: {why}. Take another, such as {stem}{ending}"


def refused_uri(uri: str) -> str | None:
    """A sentence on why the bucket of an address such as s3://acme/models is none; None where it may be one, or has none."""
    scheme, _, rest = uri.partition("://")
    why = problem(rest.partition("/")[0], (S3,)) if scheme == "s3" else None
    return why and f"{uri!r} names no bucket: {why}"
