"""`mx infra init` against a stand-in for gcloud that writes down what it is asked, and the real Terraform with a bucket.

The bucket is fake-gcs-server's, a stand-in for Google's storage that keeps objects in memory.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fake_gcs
import pytest

pytestmark = pytest.mark.noted()

# Knows what lies in three files: `number` (of the cloud project), `bucket` (as JSON), `enabled` (services).
GCLOUD = r"""
number, bucket, enabled = folder / "number", folder / "bucket", folder / "enabled"
if words[:1] == ["--version"]:
    print("Google Cloud SDK 528.0.0")
    sys.exit()
assert words[-2:] == ["--project", "acme-churn"], words
words = words[:-2]
assert os.environ["CLOUDSDK_CORE_DISABLE_PROMPTS"] == "1"
if words == ["services", "list", "--enabled", "--format", "value(config.name)"]:
    print(enabled.read_text() if enabled.exists() else "")
elif words[:2] == ["services", "enable"] and 0 < len(words[2:]) <= 20:
    with enabled.open("a") as file:
        file.write("\n".join(words[2:]) + "\n")
elif words == ["projects", "describe", "acme-churn", "--format", "value(projectNumber)"]:
    print("123456")
elif words == ["storage", "buckets", "describe", "gs://acme-churn-tfstate", "--raw", "--format=json"]:
    if not bucket.exists():
        sys.exit("ERROR: (gcloud.storage.buckets.describe) gs://acme-churn-tfstate not found: 404.")
    print(bucket.read_text())
elif words == ["storage", "buckets", "create", "gs://acme-churn-tfstate", "--location", "europe-west4",
               "--uniform-bucket-level-access", "--public-access-prevention"]:
    bucket.write_text(json.dumps({"name": "acme-churn-tfstate", "projectNumber": "123456"}))
elif words == ["storage", "buckets", "update", "gs://acme-churn-tfstate", "--versioning",
               "--uniform-bucket-level-access", "--public-access-prevention"]:
    found = json.loads(bucket.read_text())
    found["versioning"] = {"enabled": True}
    found["iamConfiguration"] = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
    bucket.write_text(json.dumps(found))
else:
    sys.exit("unexpected: " + " ".join(words))
"""
BACKEND = """\
# The bucket is made before.
terraform {
  backend "gcs" {
    bucket = "acme-churn-tfstate"
    prefix = "churn"
  }
}

locals {
  services = toset([
    "compute.googleapis.com",
    "container.googleapis.com", # "commented.googleapis.com" is one, too
  ])
  # "off.googleapis.com"
}
"""


@pytest.fixture
def google(folder: Path, stand_in: Callable[[str, str], Path]) -> Path:
    """The project's state is to be in a bucket; returns the folder of the stand-in's world."""
    (folder / "backend.tf").write_text(BACKEND)
    (folder / "terraform.tfvars").write_text('project_id = "acme-churn"\nregion     = "europe-west4"\n')
    (folder / "variables.tf").write_text('variable "project_id" {}\nvariable "region" {}\n')
    return stand_in("gcloud", GCLOUD)


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """The address of a fake-gcs-server that has the bucket."""
    with fake_gcs.serving("acme-churn-tfstate") as address:
        yield f"{address}/storage/v1/"


@pytest.fixture
def in_bucket(storage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT", storage)
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "no-token")


def calls(google: Path) -> list[str]:
    return [line for line in (google / "gcloud.calls").read_text().splitlines() if line != "--version"]


@pytest.mark.usefixtures("terraform", "in_bucket")
def test_all_is_made_once(mx: Any, churn: Path, google: Path, folder: Path) -> None:
    seen = mx("infra", "init", "--dry-run", "--json", cwd=churn)
    assert [(step["name"], step["state"]) for step in seen.json["steps"]] == [
        ("services", "create"), ("state-bucket", "create"), ("init", "later"),
    ]  # fmt: skip
    assert "compute.googleapis.com, container.googleapis.com" in seen.json["steps"][0]["why"]
    assert not [call for call in calls(google) if " create " in call or " enable " in call]
    done = mx("infra", "init", "--yes", cwd=churn)
    assert done.code == 0, done.err
    assert "off.googleapis.com" not in (google / "enabled").read_text()
    assert json.loads((folder / ".terraform" / "terraform.tfstate").read_text())["backend"]["type"] == "gcs"
    again = mx("infra", "init", "--json", cwd=churn)
    assert again.json["outcome"] == "nothing", again.out
    assert sum(" buckets create " in call for call in calls(google)) == 1
    assert sum(call.startswith("services enable") for call in calls(google)) == 1


def test_a_bucket_that_is_open_is_locked_down(mx: Any, churn: Path, google: Path) -> None:
    (google / "bucket").write_text(
        json.dumps({"projectNumber": "123456", "iamConfiguration": {"publicAccessPrevention": "inherited"}})
    )
    (row,) = [
        step for step in mx("infra", "init", "--dry-run", "--json", cwd=churn).json["steps"]
        if step["name"] == "state-bucket"
    ]  # fmt: skip
    assert row["state"] == "change"
    assert "it can be made public" in row["why"]
    assert "old versions" in row["why"]


def test_a_strangers_bucket_is_refused(mx: Any, churn: Path, google: Path) -> None:
    (google / "bucket").write_text(json.dumps({"projectNumber": "666"}))
    result = mx("infra", "init", "--yes", cwd=churn)
    assert result.code == 1
    assert "belongs to another cloud project (number 666)" in result.err
    assert "backend.tf" in result.err
    assert not (google / "enabled").exists()


def test_without_a_terminal_the_bucket_is_not_made_unasked(mx: Any, churn: Path, google: Path) -> None:
    result = mx("infra", "init", cwd=churn)
    assert result.code == 1
    assert "--yes" in result.err
    assert not (google / "bucket").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('sys.exit("ERROR: (gcloud.services.list) PERMISSION_DENIED: Permission \'serviceusage.services.list\' denied")',
         "lacks the permission serviceusage.services.list in the project"),
        ('sys.exit("ERROR: There was a problem refreshing your current auth tokens: invalid_grant: Bad Request")', "has expired"),
        ("pass", "gcloud storage buckets describe` printed no JSON, but: nothing"),
    ],
)  # fmt: skip
def test_a_gcloud_that_does_not_work(
    mx: Any, churn: Path, google: Path, stand_in: Callable[[str, str], Path], code: str, said: str
) -> None:
    stand_in(
        "gcloud", f'if words == ["--version"]:\n    print("Google Cloud SDK 528.0.0")\n    sys.exit()\n{code}'
    )
    result = mx("infra", "init", "--yes", cwd=churn)
    assert result.code == 4 or result.code == 1
    assert said in result.err


def test_gcloud_is_missing(mx: Any, churn: Path, google: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(churn))
    result = mx("infra", "init", "--yes", cwd=churn)
    assert result.code == 4
    assert "gcloud is missing" in result.err
    assert "cloud.google.com/sdk/docs/install" in result.err


@pytest.mark.usefixtures("in_bucket", "google")
def test_a_lock_in_the_bucket_is_shown_and_removed(
    mx: Any, churn: Path, storage: str, terraform: str
) -> None:
    # Google's storage refuses to remove another lock than the one that is named; the stand-in does not look.
    assert mx("infra", "init", "--yes", cwd=churn).code == 0
    lock = {"ID": "x", "Operation": "OperationTypeApply", "Who": "ada@laptop", "Version": "1.11.4",
            "Created": "2026-11-01T10:00:00Z", "Path": "", "Info": ""}  # fmt: skip
    upload = storage.replace("/storage/", "/upload/storage/")
    request = urllib.request.Request(
        f"{upload}b/acme-churn-tfstate/o?uploadType=media&name=churn/default.tflock",
        data=json.dumps(lock).encode(),
        headers={"Content-Type": "application/json"},
    )
    generation = json.loads(urllib.request.urlopen(request).read())["generation"]
    locked = mx("infra", "plan", cwd=churn)
    assert locked.code == 1
    assert "ada@laptop holds it for apply, since 2026-11-01 10:00 UTC" in locked.err
    assert f"`mx infra unlock {generation}`" in locked.err
    assert mx("infra", "unlock", generation, "--yes", cwd=churn).code == 0
    gone = mx("infra", "unlock", generation, "--yes", cwd=churn)
    assert (gone.code, "The state is not locked." in gone.err) == (1, True), gone.err
    mistyped = mx("infra", "unlock", "x", "--yes", cwd=churn)
    assert (mistyped.code, "`mx infra plan` says which it is" in mistyped.err) == (1, True), mistyped.err
    assert mx("infra", "plan", cwd=churn).code == 0


@pytest.fixture
def production(folder: Path, google: Path) -> Path:
    """A second environment of the project, whose first has values too."""
    (folder / "environments").mkdir()
    own = folder / "environments" / "production.tfvars"
    own.write_text('name = "churn-production"\nsize = "9"\n')
    with (folder / "terraform.tfvars").open("a") as file:
        file.write('name = "churn"\n')
    with (folder / "variables.tf").open("a") as file:
        file.write('variable "name" {}\n')
    return own


@pytest.mark.usefixtures("terraform", "in_bucket")
def test_an_environment_has_values_and_a_state_of_its_own(
    mx: Any, churn: Path, production: Path, folder: Path
) -> None:
    of = ("-E", "production")
    assert "`mx infra init -E production`" in mx("infra", "plan", *of, cwd=churn).err
    assert "`mx infra plan -E production`" in mx("infra", "apply", *of, cwd=churn).err
    for words in (("init", "--yes"), ("plan",), ("apply", "--yes")):
        for environment in ((), of):
            done = mx("infra", words[0], *environment, *words[1:], cwd=churn)
            assert done.code == 0, done.err
            if words == ("plan",):
                assert ("`mx infra apply -E production`" in done.err) == (environment == of), done.err
    assert "`mx infra plan -E production` makes another" in mx("infra", "apply", *of, cwd=churn).out
    missing = mx("infra", "output", *of, "none", cwd=churn)
    assert "`mx infra apply -E production` makes them" in missing.err
    asked = mx("infra", "unlock", *of, "4711", cwd=churn)
    assert "`mx infra unlock -E production 4711 --yes`" in asked.err
    assert mx("infra", "output", "size", cwd=churn).out == "1\n"
    assert mx("infra", "output", *of, "size", cwd=churn).out == "9\n"
    record = folder / ".terraform" / "environments" / "production" / "terraform.tfstate"
    assert json.loads(record.read_text())["backend"]["config"]["prefix"] == "churn/production"
    broken = (
        'resource "terraform_data" "broken" {\n  provisioner "local-exec" {\n    command = "false"\n  }\n}\n'
    )
    (folder / "broken.tf").write_text(broken)
    assert mx("infra", "plan", *of, cwd=churn).code == 0
    assert "`mx infra apply -E production` again goes on" in mx("infra", "apply", *of, "--yes", cwd=churn).err
    (folder / "broken.tf").unlink()
    assert "--confirm churn-production" in mx("infra", "destroy", *of, "--yes", cwd=churn).err
    assert mx("infra", "destroy", *of, "--confirm", "churn-production", cwd=churn).code == 0
    assert mx("infra", "plan", "--json", cwd=churn).json["outcome"] == "nothing", "the first one still stands"


@pytest.mark.parametrize(
    ("environment", "text", "said"),
    [
        ("staging", None, "There are: production"),
        ("../environments/production", None, "There are: production"),
        ("production", 'size = "9"\n', 'has to say `name = "..."`'),
        ("production", 'name = "churn"\n', 'has to say `name = "..."`'),
    ],
)
def test_an_environment_that_is_none(
    mx: Any, churn: Path, production: Path, environment: str, text: str | None, said: str
) -> None:
    if text is not None:
        production.write_text(text)
    result = mx("infra", "plan", "-E", environment, cwd=churn)
    assert result.code == 1
    assert said in result.err


def test_environments_do_not_share_names_of_buckets(
    mx: Any, churn: Path, production: Path, folder: Path
) -> None:
    with (folder / "terraform.tfvars").open("a") as file:
        file.write('bucket_prefix = "acme-churn"\n')
    result = mx("infra", "plan", "-E", "production", cwd=churn)
    assert result.code == 1
    assert "bucket_prefix" in result.err


def test_without_a_bucket_there_are_no_environments(
    mx: Any, churn: Path, production: Path, folder: Path
) -> None:
    (folder / "backend.tf").unlink()
    result = mx("infra", "init", "-E", "production", cwd=churn)
    assert result.code == 1
    assert "would share a state" in result.err
