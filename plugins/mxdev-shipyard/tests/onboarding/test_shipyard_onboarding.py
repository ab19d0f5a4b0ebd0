"""`mx onboard` and `mx retire` against moto's server, a double of GitLab, and Git's own server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import shipyard_platform
import yaml
from mxdev.testing import Outcome, mx, once
from mxdev.version import __version__
from shipyard_platform import DESK_TOKEN, GROUP, TOKEN, Platform

from mxdev_shipyard.onboarding import aws

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def platform(moto: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{moto}/moto-api/reset", method="POST")).close()
    for name, value in {
        "AWS_ENDPOINT_URL": moto,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "GITLAB_TOKEN": TOKEN,
        "DESK_TOKEN": DESK_TOKEN,
    }.items():
        monkeypatch.setenv(name, value)
    aws.client("s3", REGION).create_bucket(
        Bucket="shipyard-models", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    with shipyard_platform.served(tmp_path / "git") as served:
        monkeypatch.setenv("GITLAB_HOST", served.url)
        settings = {
            "region": REGION,
            "bucket": "shipyard-models",
            "registry": "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "gitlab": served.url,
            "group": GROUP,
            "pipelines": "shipyard/pipelines",
            "domain": "models.acme.example",
            "environments": {one: f"{served.url}/manifests/{one}.git" for one in ("staging", "production")},
            "policy": {"*@acme.example": ["iris*", "rose"]},
            "services": [
                {"name": "service-desk", "webhook": f"{served.url}/desk/{{slug}}", "token": "DESK_TOKEN"},
                {"name": "channel", "command": ["sh", "channel.sh"], "lost": "the messages of the channel"},
            ],
        }
        (tmp_path / "channel.sh").write_text(CHANNEL)
        (tmp_path / "shipyard.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
        values(tmp_path)
        yield served


# A double of what makes channels: a file for each.
CHANNEL = """\
case $1 in
  look) [ -f "channel-$2" ] || exit 3 ;;
  put) cat > "channel-$2" ;;
  remove) rm "channel-$2" ;;
esac
"""


def values(folder: Path, slug: str = "iris", name: str = "values.yml", **more: str) -> str:
    fields = {
        "project_name": "Iris",
        "project_slug": slug,
        "project_description": "Which 'iris' is it? {{ #1 }}",
        "confluence_url": "https://wiki.acme.example/iris",
        "jira_url": "https://jira.acme.example/browse/IRIS",
        "author_email": "ada@acme.example",
        **more,
    }
    (folder / name).write_text(yaml.safe_dump(fields))
    return name


def onboard(folder: Path, *arguments: str) -> Outcome:
    return mx("onboard", *(arguments or ("values.yml",)), "--trust", cwd=folder)


def states(told: Outcome) -> dict[str, str]:
    return {step["name"]: step["state"] for step in json.loads(told.stdout)["steps"]}


MANIFEST = "iris/inferenceservice.yaml"
STEPS = ["policy", "registry", "models", "data", "project", "seed", "manifest-staging", "manifest-production",
         "service-desk", "channel"]  # fmt: skip


def everything(platform: Platform) -> None:
    """All of what onboarding makes is there, once."""
    repository = aws.client("ecr", REGION).describe_repositories()["repositories"]
    assert [(one["repositoryName"], one["imageTagMutability"]) for one in repository] == [
        ("deploy-iris-model", "IMMUTABLE")
    ]
    keys = [
        one["Key"] for one in aws.client("s3", REGION).list_objects_v2(Bucket="shipyard-models")["Contents"]
    ]
    assert keys == ["deploy-iris-model/data/", "deploy-iris-model/models/"]
    assert list(platform.projects) == [f"{GROUP}/deploy-iris-model"]
    assert platform.log(f"{GROUP}/deploy-iris-model.git") == ["deploy-iris-model, as onboarded"]
    for environment in ("staging", "production"):
        assert platform.log(f"manifests/{environment}.git") == ["iris is onboarded", "first"]
        assert platform.files(f"manifests/{environment}.git") == [MANIFEST]
    assert list(platform.desk) == ["iris"]
    assert platform.desk["iris"]["project_url"] == f"{platform.url}/{GROUP}/deploy-iris-model"
    assert [path.name for path in platform.folder.parent.glob("channel-*")] == ["channel-iris"]


def test_a_model_is_onboarded_and_a_second_run_changes_nothing(platform: Platform, tmp_path: Path) -> None:
    shown = onboard(tmp_path, "values.yml", "--dry-run", "--json")
    assert shown.code == 0, shown.stdout + shown.stderr
    assert list(states(shown)) == STEPS
    assert not platform.projects
    assert "POST /projects" not in platform.calls
    assert platform.desk_calls == ["GET iris"]
    assert not (tmp_path / "channel-iris").exists()
    done = onboard(tmp_path)
    assert done.code == 0, done.stdout + done.stderr
    everything(platform)
    seeded = f"{GROUP}/deploy-iris-model.git"
    assert (
        "Which 'iris' is it? {{ #1 }}"
        in yaml.safe_load(platform.show(seeded, "openapi.yaml"))["info"]["description"]
    )
    assert "s3://shipyard-models/deploy-iris-model/models/" in platform.show(seeded, ".gitlab-ci.yml")
    assert "https://iris.staging.models.acme.example/v1/models/iris" in platform.show(seeded, "README.md")
    service = yaml.safe_load(platform.show("manifests/staging.git", MANIFEST))
    assert service["metadata"]["annotations"] == {"serving.kserve.io/stop": "true"}
    again = onboard(tmp_path, "values.yml", "--json")
    assert json.loads(again.stdout)["outcome"] == "nothing"
    assert set(states(again).values()) == {"done"}
    everything(platform)


# Each change of the world, in the order in which it is made.
CHANGES = [
    "CreateRepository",
    "PutLifecyclePolicy",
    "PutObject deploy-iris-model/models/",
    "PutObject deploy-iris-model/data/",
    "project",
    "push deploy-iris-model.git",
    "push staging.git",
    "push production.git",
    "entry service-desk",
    "entry channel",
]


def test_killed_at_each_step_it_reaches_the_same_end_and_does_nothing_twice(
    platform: Platform, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    command = [sys.executable, Path(shipyard_platform.__file__).with_name("shipyard_killed.py"), "values.yml"]

    def run(kill: str) -> int:
        environment = {**os.environ, "DONE": str(done), "KILL": kill}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, check=False
        ).returncode

    # Within the first step too, and before what takes longest is there.
    for kill in [*CHANGES[:5], "to push deploy-iris-model.git", *CHANGES[5:]]:
        assert run(kill) == -signal.SIGKILL, kill
    assert run("") == 0
    assert [event for event in done.read_text().splitlines() if not event.startswith("to ")] == CHANGES
    everything(platform)


def test_forty_models_are_onboarded(platform: Platform, tmp_path: Path) -> None:
    """In one run, which takes minutes: once for what the plugin is."""
    import mxdev_shipyard

    what = [
        __version__,
        Path(mxdev_shipyard.__file__).parent,
        Path(__file__),
        Path(shipyard_platform.__file__),
    ]
    once(["forty", *what], lambda: forty(platform, tmp_path))


def forty(platform: Platform, folder: Path) -> str:
    """Onboard them; how many seconds of the processor's time each took."""
    slugs = [f"iris-{at}" for at in range(40)]
    names = [values(folder, slug=slug, name=f"{slug}.yml") for slug in slugs]
    before = os.times()
    command = [sys.executable, "-m", "mxdev", "onboard", "--trust", *names]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    after = os.times()
    # Of the processor's time, which other programs do not change; Git's own is in it, the servers' is not.
    each = (after.children_user + after.children_system - before.children_user - before.children_system) / 40
    assert each < 10, f"{each:.1f} s for each model"
    repositories = aws.client("ecr", REGION).describe_repositories(maxResults=100)["repositories"]
    assert {one["repositoryName"] for one in repositories} == {f"deploy-{slug}-model" for slug in slugs}
    assert len(platform.projects) == 40
    assert set(platform.desk) == set(slugs)
    for environment in ("staging", "production"):
        files = platform.files(f"manifests/{environment}.git")
        assert set(files) == {f"{slug}/inferenceservice.yaml" for slug in slugs}
    for slug in slugs:
        assert len(platform.log(f"{GROUP}/deploy-{slug}-model.git")) == 1
    return f"{each:.1f}"


def test_two_runs_at_once_do_not_collide(platform: Platform, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mxdev", "onboard", "values.yml", "--trust"]
    with ThreadPoolExecutor() as pool:
        ran = list(
            pool.map(
                lambda _: subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False),
                range(2),
            )
        )
    assert [one.returncode for one in ran] == [0, 0], [one.stderr for one in ran]
    everything(platform)


def test_a_slug_of_somebody_else_is_refused(platform: Platform, tmp_path: Path) -> None:
    assert onboard(tmp_path).code == 0
    values(tmp_path, author_email="bob@acme.example")
    refused = onboard(tmp_path)
    assert refused.code == 1
    assert "deploy-iris-model exists already, for ada@acme.example." in refused.stderr
    assert "exists already, for somebody else." in refused.stderr
    everything(platform)


def test_the_policy_refuses(platform: Platform, tmp_path: Path) -> None:
    values(tmp_path, slug="tulip")
    refused = onboard(tmp_path)
    assert refused.code == 1
    assert "the policy does not let ada@acme.example onboard tulip" in refused.stderr
    assert not platform.calls


def test_values_that_are_wrong_are_all_named(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "values.yml").write_text("project_slug: Iris!\ncolour: red\nauthor_email: ada\n")
    refused = onboard(tmp_path)
    assert refused.code == 2
    for part in (
        "project_name is missing",
        "colour is no field of it",
        "project_slug is 'Iris!', and not",
        "author_email is 'ada'",
    ):
        assert part in refused.stderr


def test_a_token_that_is_wrong_is_told(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_TOKEN", "wrong")
    refused = onboard(tmp_path)
    assert refused.code in (1, 4)
    assert "401" in refused.stderr
    assert not platform.projects


def test_what_a_promotion_made_of_the_manifest_stays(platform: Platform, tmp_path: Path) -> None:
    assert onboard(tmp_path).code == 0
    other = values(tmp_path, slug="rose", name="rose.yml")
    before = platform.show("manifests/staging.git", MANIFEST)
    assert onboard(tmp_path, "values.yml", other).code == 0
    assert platform.show("manifests/staging.git", MANIFEST) == before
    assert platform.files("manifests/staging.git") == [MANIFEST, "rose/inferenceservice.yaml"]


def test_a_model_is_retired(platform: Platform, tmp_path: Path) -> None:
    assert onboard(tmp_path).code == 0
    shown = mx("retire", "values.yml", "--trust", "--dry-run", "--json", cwd=tmp_path)
    assert states(shown) == {
        "channel": "remove",
        "service-desk": "remove",
        "manifest-production": "remove",
        "manifest-staging": "remove",
        "project": "remove",
    }
    assert list(platform.desk) == ["iris"]
    agreed = mx("retire", "values.yml", "--trust", "--yes", cwd=tmp_path)
    assert agreed.code == 1  # the channel's messages are lost
    assert "the messages of the channel" in agreed.stdout
    gone = mx("retire", "values.yml", "--trust", "--confirm", "iris", cwd=tmp_path)
    assert gone.code == 0, gone.stdout + gone.stderr
    assert platform.desk == {}
    assert not (tmp_path / "channel-iris").exists()
    assert platform.projects[f"{GROUP}/deploy-iris-model"]["archived"]
    assert platform.log("manifests/staging.git")[0] == "iris is retired"
    assert platform.files("manifests/staging.git") == []
    assert len(aws.client("ecr", REGION).describe_repositories()["repositories"]) == 1
    assert aws.client("s3", REGION).list_objects_v2(Bucket="shipyard-models")["KeyCount"] == 2
    refused = mx("retire", "values.yml", "--trust", "--delete-images", "--delete-weights", cwd=tmp_path)
    assert refused.code == 1
    assert "all images of deploy-iris-model" in refused.stdout
    deleted = mx(
        "retire",
        "values.yml",
        "--trust",
        "--delete-images",
        "--delete-weights",
        "--confirm",
        "iris",
        cwd=tmp_path,
    )
    assert deleted.code == 0, deleted.stdout + deleted.stderr
    assert aws.client("ecr", REGION).describe_repositories()["repositories"] == []
    assert aws.client("s3", REGION).list_objects_v2(Bucket="shipyard-models")["KeyCount"] == 0
    back = onboard(tmp_path)
    assert back.code == 1
    assert "it was retired, and is archived" in back.stderr


@pytest.mark.parametrize(("command", "path"), [("onboard", "shipyard.yaml"), ("retire", "nope.yml")])
def test_a_file_that_is_not_there_is_named_without_a_number_of_the_system(
    tmp_path: Path, command: str, path: str
) -> None:
    done = mx(command, "nope.yml", cwd=tmp_path)
    assert done.code == 2
    assert f"{path} cannot be read: No such file or directory." in done.stderr
