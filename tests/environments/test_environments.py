"""Environments: what each command does with `-E`, what is shown, and that two of them have nothing in common but the files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from golden import files

from mxdev.connect import target
from mxdev.deploy import config, rewritten
from mxdev.errors import MxError
from mxdev.infra import place as terraform
from mxdev.infra import ready
from mxdev.project import tfvars
from mxdev.project.environments import Environment, find
from mxdev.project.project import Project
from mxdev.testing import mx

pytestmark = pytest.mark.noted()

ENVIRONMENTS = (None, "staging", "production")
NAMESPACES = ("churn", "churn-staging", "churn-production")
REPLACE = {
    "churn-data": "stage-data",
    ".churn.example.com": ".churn-staging.example.com",
    "churn.example.com": "churn-staging.example.com",
}
# Each command that takes -E.
COMMANDS = (
    ("connect", "--dry-run"), ("connect", "--print"), ("infra", "init", "--dry-run"), ("infra", "plan"), ("infra", "apply"),
    ("infra", "destroy"), ("infra", "output"), ("infra", "unlock", "1"), ("infra", "cost"), ("deploy", "--dry-run"),
    ("purge", "--dry-run"), ("up", "--dry-run"), ("down", "--dry-run"), ("doctor",), ("status", "--live"),
    ("flow", "run"), ("flow", "connect"), ("flow", "list"), ("flow", "logs", "abc"), ("flow", "rerun", "abc"),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_name_that_no_environment_has_is_refused_with_those_that_there_are(
    gcp: Path, command: tuple[str, ...]
) -> None:
    done = mx(*command, "-E", "stagnig", cwd=gcp)
    assert done.code == 1, done.stdout + done.stderr
    assert "There is no environment called stagnig." in done.stderr
    assert "There are: production, staging." in done.stderr


@pytest.mark.parametrize(
    ("name", "why"),
    [("no", "YAML"), ("null", "YAML"), ("con", "Windows"), ("github-pages", "pipelines have already")],
)
def test_a_name_that_a_tool_refuses_is_refused_with_another(gcp: Path, name: str, why: str) -> None:
    done = mx("generate", "Environment", name, "--no-input", "--dry-run", cwd=gcp)
    assert done.code == 2
    assert why in done.stderr
    assert why.startswith("pipelines") or f"such as {name}-stage" in done.stderr


def test_contexts_namespaces_projects_and_states_differ(gcp: Path) -> None:
    project = Project.load(gcp)
    where = [target.of(project, one) for one in ENVIRONMENTS]
    assert [one.own for one in where] == ["mx-churn", "mx-churn-staging", "mx-churn-production"]
    assert [one.name for one in where] == list(NAMESPACES)
    assert [one.project_id for one in where] == ["acme-ml", "acme-ml", "acme-production"]
    assert len({one.location for one in where}) == 1
    places = [terraform.find(gcp, one) for one in ENVIRONMENTS]
    assert [one.name for one in places] == list(NAMESPACES)
    assert len({one.data for one in places}) == 3
    for key in ("name", "bucket_prefix"):
        assert len({one.setting(key) for one in places}) == 3


def test_they_are_where_terraform_is_told_also_by_files_of_ones_own(
    gcp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_VAR_zone", "nowhere")  # a file says it, too
    own = gcp / tfvars.FOLDER / "team.auto.tfvars.json"
    own.write_text('{"project_id": "acme-live", "region": "us-east1", "zone": ""}')
    try:
        project = Project.load(gcp)
        where = [target.of(project, one) for one in ENVIRONMENTS]
        assert [one.project_id for one in where] == ["acme-live", "acme-ml", "acme-production"]
        assert {one.location for one in where} == {"us-east1"}
        assert [terraform.find(gcp, one).setting("project_id") for one in ENVIRONMENTS] == [
            one.project_id for one in where
        ]
    finally:
        own.unlink()


def test_one_bucket_of_the_first_cloud_project_has_all_states(gcp: Path) -> None:
    steps = {one.name: one for one in ready.steps(terraform.find(gcp, "production"))}
    services, bucket = steps["services"], steps["state-bucket"]
    assert isinstance(services, ready.Services)
    assert isinstance(bucket, ready.StateBucket)
    assert (services.project, bucket.project) == ("acme-production", "acme-ml")
    # And `terraform init` puts each below the prefix of the first: tests/infra has that with the real one.
    assert terraform.find(gcp, "production").written("prefix", "backend.tf") == "churn"


def test_what_is_deployed_has_the_environments_names_and_no_others(gcp: Path) -> None:
    project = Project.load(gcp)
    made = rewritten.project(project, "production")
    found = {one.name: one.namespace for one in config.read(made)}
    own = dict.fromkeys(("train-infrastructure", "cuda-drivers"), "churn-production")
    assert found == {**own, "training-operator": "kubeflow"}
    folder = made.root / "infrastructure/kubernetes"
    for path in sorted(folder.rglob("*.yaml")):
        first = (gcp / path.relative_to(made.root)).read_text()
        for old, new in zip(yaml.safe_load_all(first), yaml.safe_load_all(path.read_text()), strict=True):
            assert (old or {}).get("kind") == (new or {}).get("kind")
            if (old or {}).get("metadata", {}).get("namespace") == "churn":
                assert new["metadata"]["namespace"] == "churn-production"
        # The images are the very ones that the project has built.
        assert "acme-ml" not in path.read_text().replace("docker.pkg.dev/acme-ml/churn/run:", ""), path
    accounts = (folder / "train-infrastructure/service_accounts.yaml").read_text()
    assert "churn-production-mlflow@acme-production.iam.gserviceaccount.com" in accounts
    mlflow = (folder / "train-infrastructure/mlflow.yaml").read_text()
    assert "gs://acme-production-churn-production-artifacts/mlflow" in mlflow
    storage = (folder / "train-infrastructure/storage_class.yaml").read_text()
    assert "name: churn-production-retain" in storage
    assert '--namespace churn-production "$@"' in (made.root / "devspace.yaml").read_text()


def test_without_an_environment_nothing_is_made(project: Path) -> None:
    loaded = Project.load(project)
    assert rewritten.project(loaded, None) is loaded
    assert not (project / "build").exists()


def test_a_change_of_a_manifest_reaches_every_environment_and_a_file_that_is_gone_leaves_it(
    project: Path,
) -> None:
    kubernetes = project / "infrastructure/kubernetes"
    (kubernetes / "mine.yaml").write_text("kind: ConfigMap\nmetadata: {name: mine, namespace: churn}\n")
    for one in ("staging", "production"):
        made = rewritten.project(Project.load(project), one)
        own = made.root / "infrastructure/kubernetes/mine.yaml"
        assert yaml.safe_load(own.read_text())["metadata"]["namespace"] == f"churn-{one}"
    (kubernetes / "mine.yaml").unlink()
    assert not (
        rewritten.project(Project.load(project), "staging").root / own.relative_to(made.root)
    ).exists()
    assert own.exists(), "the other environment is untouched until it is looked at"


NAMED_ELSEWHERE = """
deployments:
  plain: {namespace: churn, kubectl: {manifests: [k8s/*.yaml, "https://example.com/crds.yaml"]}}
  overlaid: {namespace: churn, kubectl: {kustomize: true, manifests: [deploy/overlays/one]}}
  chart: {namespace: churn, helm: {chart: {path: charts/own}, valuesFiles: [values/own.yaml]}}
  local: {namespace: churn, helm: {chart: {name: ./charts/other}}}
  published: {namespace: churn, helm: {chart: {name: redis, repo: "https://example.com"}}}
"""


def test_what_devspace_names_elsewhere_is_an_environments_too(project: Path) -> None:
    given = {
        "k8s/web.yaml": "metadata: {namespace: churn}\n",
        "k8s/notes.txt": "not named\n",
        "deploy/overlays/one/kustomization.yaml": "resources: [../../base]\n",
        "deploy/base/kustomization.yaml": "resources: [web.yaml]\n",
        "deploy/base/web.yaml": "metadata: {namespace: churn}\n",
        "charts/own/Chart.yaml": "name: own\n",
        "charts/own/templates/web.yaml": "url: http://mlflow.churn:5000\n",
        "charts/other/Chart.yaml": "name: other\n",
        "values/own.yaml": "namespace: churn\n",
        "redis": "a file that is called as a chart of a repository\n",
    }
    for path, text in given.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    (project / "devspace.yaml").write_text("version: v2beta1\nname: churn\n" + NAMED_ELSEWHERE)
    made = rewritten.project(Project.load(project), "staging")
    there = {path for path in given if (made.root / path).is_file()}
    assert there == set(given) - {"k8s/notes.txt", "redis"}
    assert (made.root / "k8s/web.yaml").read_text() == "metadata: {namespace: churn-staging}\n"
    assert (made.root / "deploy/base/web.yaml").read_text() == "metadata: {namespace: churn-staging}\n"
    assert (
        made.root / "charts/own/templates/web.yaml"
    ).read_text() == "url: http://mlflow.churn-staging:5000\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name")
def test_a_pipe_that_devspace_names_is_refused_and_no_other(project: Path) -> None:
    (project / "k8s").mkdir()
    (project / "devspace.yaml").write_text("version: v2beta1\nname: churn\n" + NAMED_ELSEWHERE)
    os.mkfifo(project / "infrastructure/mine")
    rewritten.project(Project.load(project), "staging")
    os.mkfifo(project / "k8s/web.yaml")
    with pytest.raises(MxError, match=r"k8s/web\.yaml cannot be read: it is a pipe or a device"):
        rewritten.project(Project.load(project), "staging")


@pytest.mark.parametrize("text", ["[a]\n", "resources: text\n"])
def test_a_kustomization_that_is_none_is_named(project: Path, text: str) -> None:
    (project / "deploy").mkdir()
    (project / "deploy/kustomization.yaml").write_text(text)
    overlaid = "deployments: {a: {namespace: churn, kubectl: {kustomize: true, manifests: [deploy]}}}\n"
    (project / "devspace.yaml").write_text(overlaid)
    with pytest.raises(MxError, match=r"deploy/kustomization\.yaml is no kustomization"):
        rewritten.project(Project.load(project), "staging")


HOOKS = """
pipelines:
  deploy:
    run: |-
      scripts/check.py "$@"
      create_deployments --all
hooks:
  - {events: ["before:deploy:web"], command: "./scripts/before.sh --namespace churn && cat 'notes and all/of it.txt' sql/*.sql"}
  - {events: ["after:deploy:web"], command: bash, args: ["$PWD/infrastructure/docker/after.sh"]}
deployments:
  web: {namespace: churn, kubectl: {manifests: [k8s/web.yaml]}}
"""
SCRIPTS = {
    "scripts/before.sh": '#!/bin/sh\n. "$(dirname "$0")"/lib.sh\nsay "$NAMESPACE"\n',
    "scripts/lib.sh": 'NAMESPACE=$(cat env/churn.env)\nsay() { echo "said $1 by mlflow.churn:5000"; }\n',
    "scripts/check.py": "#!/usr/bin/env python3\nimport helper\n",
    "scripts/helper.py": "URL = 'http://mlflow.churn:5000'\n",
    "scripts/unused.sh": "#!/bin/sh\n",
    "infrastructure/docker/after.sh": "kubectl -n churn get pods\n",
    "env/churn.env": "--namespace=churn\n",
    "sql/one.sql": "select 1;\n",
    "notes and all/of it.txt": "a name with spaces\n",
    "k8s/web.yaml": "kind: ConfigMap\napiVersion: v1\nmetadata: {name: web, namespace: churn}\n",
}


@pytest.fixture
def hooked(project: Path) -> Path:
    """The project with hooks that name scripts."""
    for path, text in SCRIPTS.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text)
    for path in ("scripts/before.sh", "scripts/check.py"):
        (project / path).chmod(0o755)
    (project / "devspace.yaml").write_text("version: v2beta1\nname: churn\n" + HOOKS)
    return project


def test_scripts_of_hooks_run_with_an_environments_values(hooked: Path) -> None:
    made = rewritten.project(Project.load(hooked), "staging")
    assert {path for path in SCRIPTS if (made.root / path).is_file()} == set(SCRIPTS) - {"scripts/unused.sh"}
    [web] = config.read(made)
    done = subprocess.run(
        ["bash", "-e", "-c", web.before[0]], cwd=made.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("said --namespace=churn-staging by mlflow.churn-staging:5000\n")
    assert "kubectl -n churn-staging get" in (made.root / "infrastructure/docker/after.sh").read_text()
    assert "mlflow.churn-staging:5000" in (made.root / "scripts/helper.py").read_text()
    # The executable bit comes and goes with that of the project's own.
    assert os.access(made.root / "scripts/check.py", os.X_OK)
    (hooked / "scripts/check.py").chmod(0o644)
    rewritten.project(Project.load(hooked), "staging")
    assert not os.access(made.root / "scripts/check.py", os.X_OK)


def test_words_that_name_no_file_copy_none(hooked: Path) -> None:
    """A star of a `case` or of a product, a star of Python, and what is too long for a name."""
    (hooked / ".env").write_text("SECRET=1\n")
    (hooked / "scripts/helper.py").write_text("def area(*sizes, **more): return 2 * 3\n")
    path = hooked / "devspace.yaml"
    told = 'case "$1" in prod) true;; *) ls *;; esac\n      echo "' + "long " * 80 + '"\n      '
    path.write_text(path.read_text().replace("create_deployments --all", f"{told}create_deployments --all"))
    for _ in range(2):
        made = rewritten.project(Project.load(hooked), "staging")
        files = {one.relative_to(made.root).as_posix() for one in made.root.rglob("*") if one.is_file()}
        assert not {
            one for one in files if one.startswith((".env", ".git/", ".mx/", "build/", "scripts/unused"))
        }


@pytest.mark.parametrize(
    ("link", "to"),
    [
        ("build", "../outside"),
        ("build/environments/staging", "../../../outside"),
        ("build/environments/staging/infrastructure", "../../../../outside"),
    ],
)
def test_a_link_that_came_with_the_project_leads_nothing_out(
    project: Path, tmp_path: Path, link: str, to: str
) -> None:
    outside = project.parent / "outside"
    for folder in (".", "environments/staging", "kubernetes"):
        (outside / folder).mkdir(parents=True, exist_ok=True)
        (outside / folder / "theirs.yaml").write_text("theirs\n")
    (project / "infrastructure/kubernetes/theirs.yaml").write_text("mine\n")
    (project / link).parent.mkdir(parents=True, exist_ok=True)
    (project / link).symlink_to(to)
    assert (project / link).resolve() == outside.resolve()
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    with pytest.raises(MxError, match=f"{link} is a link, and mx writes"):
        rewritten.project(Project.load(project), "staging")
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


def test_a_file_that_is_a_link_out_of_the_project_is_not_copied(project: Path) -> None:
    (project.parent / "secret").write_text("theirs\n")
    (project / "infrastructure/kubernetes/secret.yaml").symlink_to("../../../secret")
    with pytest.raises(MxError, match=r"infrastructure/kubernetes/secret\.yaml leads out of the project"):
        rewritten.project(Project.load(project), "staging")


@pytest.mark.parametrize("word", ["../tools/wait.sh", "{root}/scripts/before.sh"])
def test_a_script_that_an_environment_cannot_have_is_refused(hooked: Path, word: str) -> None:
    (hooked.parent / "tools").mkdir()
    (hooked.parent / "tools/wait.sh").write_text("sleep 1\n")
    path = hooked / "devspace.yaml"
    path.write_text(path.read_text().replace("./scripts/before.sh", word.format(root=hooked)))
    with pytest.raises(MxError, match=r"a hook of before:deploy:web names .*\.sh"):
        rewritten.project(Project.load(hooked), "staging")
    assert rewritten.project(Project.load(hooked), None).root == hooked


@pytest.mark.parametrize("path", ["../other/web.yaml", "/srv/web.yaml"])
def test_a_manifest_outside_of_the_project_is_refused_for_an_environment(project: Path, path: str) -> None:
    """It would be applied with the names of the first environment."""
    (project / "devspace.yaml").write_text(
        f"version: v2beta1\nname: churn\ndeployments:\n  web: {{kubectl: {{manifests: [{path}]}}}}\n"
    )
    with pytest.raises(MxError, match=f"deployments.web names {path}"):
        rewritten.project(Project.load(project), "staging")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("namespace: churn", "namespace: churn-staging"),
        ('namespace: "churn"', 'namespace: "churn-staging"'),
        ('"namespace": "churn"}', '"namespace": "churn-staging"}'),
        ("kubectl --namespace=churn get", "kubectl --namespace=churn-staging get"),
        ("kubectl -n churn get", "kubectl -n churn-staging get"),
        ("http://mlflow.churn.svc.cluster.local:5000", "http://mlflow.churn-staging.svc.cluster.local:5000"),
        ("mlflow.churn:5000", "mlflow.churn-staging:5000"),
        ("http://mlflow.churn/x", "http://mlflow.churn-staging/x"),
        ("cluster.local/ns/churn/sa/mlflow", "cluster.local/ns/churn-staging/sa/mlflow"),
        ("acme.svc.id.goog[churn/mlflow]", "acme.svc.id.goog[churn-staging/mlflow]"),
        ("gs://churn-data/a churn-data-2", "gs://stage-data/a churn-data-2"),
        ("old-churn-data", "old-churn-data"),
        ('hosts: ["*.churn.example.com"]', 'hosts: ["*.churn-staging.example.com"]'),
        ("https://churn.example.com", "https://churn-staging.example.com"),
        ("python -m churn.trainer", "python -m churn.trainer"),
        ("namespace: churn-model", "namespace: churn-model"),
        ("namespace: churn.x", "namespace: churn.x"),
        ("image: europe-docker.pkg.churn/acme/app", "image: europe-docker.pkg.churn/acme/app"),
        ("app.kubernetes.io/part-of: churn", "app.kubernetes.io/part-of: churn"),
    ],
)
def test_names_are_rewritten_where_they_are_names_for_certain(old: str, new: str) -> None:
    environment = Environment("staging", "churn-staging", replace=REPLACE)
    assert rewritten.rewritten(old.encode(), "churn", environment).decode() == new


def test_what_is_no_text_stays() -> None:
    environment = Environment("staging", "churn-staging")
    assert rewritten.rewritten(b"\xff namespace: churn", "churn", environment) == b"\xff namespace: churn"


def test_the_files_of_an_environment_may_not_contradict_each_other(project: Path) -> None:
    path = project / "infrastructure/environments/staging.yaml"
    path.write_text(path.read_text().replace("namespace: churn-staging", "namespace: churn-test"))
    done = mx("connect", "--dry-run", "-E", "staging", cwd=project)
    assert done.code == 1
    assert "namespace churn-test" in done.stderr
    assert 'name = "churn-staging"' in done.stderr
    path.write_text("namespace: churn-staging\nreplace:\n  old:\n")
    done = mx("doctor", "-E", "staging", cwd=project)
    assert done.code == 4
    assert "`replace` says nothing for old" in done.stderr
    path.write_text("namespace: churn\n")
    (project / "infrastructure/terraform/environments/staging.tfvars").unlink()
    done = mx("deploy", "--dry-run", "-E", "staging", cwd=project)
    assert done.code == 1
    assert "another than the project's own churn" in done.stderr


def test_an_environment_goes_without_a_trace_and_another_stays(project: Path) -> None:
    done = mx("destroy", "Environment:staging", "--no-input", cwd=project)
    assert done.code == 0, done.stderr
    before = files(project)
    assert mx("generate", "Environment", "qa", "--no-input", cwd=project).code == 0
    assert find(Project.load(project), "qa").namespace == "churn-qa"
    answer = json.loads(mx("generate", "Environment", "qa", "--json", cwd=project).stdout)
    assert answer["outcome"] == "nothing"
    assert mx("destroy", "Environment:qa", "--no-input", cwd=project).code == 0
    assert files(project) == before
    assert ".churn-production.ml.example.com" in find(Project.load(project), "production").replace.values()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("terraform",), "pipelines have already"),
        (("Prod",), "2 to 20 lower-case letters"),
        (("a-name-of-20-letters",), None),
        (("test", "--cloud-project", "acme-test"), "for Google Cloud"),
    ],
)
def test_names_that_do_not_fit_are_refused(existing: Path, words: tuple[str, ...], said: str | None) -> None:
    done = mx("generate", "Environment", *words, "--dry-run", "--no-input", cwd=existing)
    assert (done.code == 0) == (said is None), done.stderr
    assert (said or "") in done.stderr


def test_two_environments_of_one_cloud_project_have_accounts_of_their_own(tmp_path: Path) -> None:
    """An account's id ends after thirty characters, where both names may still be alike."""
    name = "customer-churn-prediction"
    assert (
        mx("generate", "MLProjectSkeleton", name, "--project-id=acme-ml", "--no-input", cwd=tmp_path).code
        == 0
    )
    done = mx("generate", "Environment", "staging", "--no-input", cwd=tmp_path / name)
    assert (done.code, "the same service account" in done.stderr) == (2, True), done.stderr
    own = mx("generate", "Environment", "staging", "--cloud-project=acme-staging", "--no-input", cwd=tmp_path / name)  # fmt: skip
    assert own.code == 0, own.stderr


def test_a_shell_is_told_the_names(gcp: Path) -> None:
    for line in ("mx deploy -E ", "mx status --environment s", "mx infra plan -E "):
        words = line.split(" ")
        environment = {"_MX_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = subprocess.run(
            [sys.executable, "-c", "from mxdev.cli import main; main()"], env={**os.environ, **environment},
            capture_output=True, text=True, check=True, cwd=gcp,
        )  # fmt: skip
        found = [one.partition(",")[2] for one in done.stdout.splitlines()]
        assert found == [one for one in ("production", "staging") if one.startswith(words[-1])], line


def test_what_is_shown_names_the_environment(existing: Path, tmp_path: Path) -> None:
    """Without a cluster: every command says which context it looks for, and the command that makes it."""
    environment = {"KUBECONFIG": str(tmp_path / "none")}
    table = mx("deploy", "-E", "staging", "--dry-run", cwd=existing, env=environment)
    assert "train-infrastructure in the namespace churn-staging" in table.stdout
    assert "no context mx-churn-staging" in table.stdout
    assert "`mx connect -E staging`" in table.stdout
    up = mx("up", "-E", "staging", "--dry-run", cwd=existing, env=environment)
    assert "`mx connect -E staging --context NAME`" in up.stdout
    doctor = mx("doctor", "-E", "staging", cwd=existing, env=environment)
    assert "`mx connect -E staging` does it" in doctor.stdout
    live = mx("status", "--live", "-E", "staging", cwd=existing, env=environment)
    assert "`mx connect -E staging` does it" in live.stdout
    refused = mx("status", "-E", "staging", cwd=existing)
    assert (refused.code, "--live" in refused.stderr) == (2, True)


def test_what_environments_on_one_cluster_share_stays_when_one_goes(existing: Path) -> None:
    project = Project.load(existing)
    everything = config.read(rewritten.project(project, "staging"))
    assert {one.name for one in everything} > {"training-operator"}
    own = config.own(project, everything, target.of(project, "staging"))
    assert {one.namespace for one in own} == {"churn-staging"}
    first = config.own(project, config.read(project), target.of(project))
    assert {one.namespace for one in first} == {"churn"}


def test_a_project_without_environments_goes_as_a_whole(existing: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(existing, tmp_path / "churn"))
    for name in ("staging", "production"):
        (alone / "infrastructure/environments" / f"{name}.yaml").unlink()
    project = Project.load(alone)
    assert config.own(project, config.read(project), target.of(project)) == config.read(project)
