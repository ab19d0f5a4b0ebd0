"""Known failures: what Google and Terraform said, word for word but for names, becomes a sentence and the next command."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mxdev.infra import failures, locks

QUOTA = """\
google_container_node_pool.cpu["system"]: error creating NodePool: googleapi: Error 403:
	(1) insufficient regional quota to satisfy request: resource "CPUS": request requires '72.0' and is short '48.0'. project has a quota of '24.0' with '24.0' available. View and manage quotas at https://console.cloud.google.com/iam-admin/quotas?usage=USED&project=acme-churn
	(2) insufficient regional quota to satisfy request: resource "IN_USE_ADDRESSES": request requires '9.0' and is short '1.0'. project has a quota of '8.0' with '8.0' available. View and manage quotas at https://console.cloud.google.com/iam-admin/quotas?usage=USED&project=acme-churn., forbidden"""
QUOTA_2018 = """\
google_container_cluster.main: googleapi: Error 403:
	(1) Insufficient regional quota to satisfy request for resource: "IN_USE_ADDRESSES". The request requires '9.0' and is short '1.0'. The regional quota is '8.0' with '8.0' available., forbidden"""
QUOTA_GCE = "Error: Error waiting for instance to create: Quota 'SSD_TOTAL_GB' exceeded.  Limit: 500.0 in region us-central1."
QUOTA_GPU = "Google Compute Engine: Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally."
STOCKOUT = """\
google_container_node_pool.gpu[0]: Error waiting for creating GKE NodePool: Google Compute Engine: Not all instances running in IGM after 1m6.219216581s. Expected 40, running 1, transitioning 39. Current errors: [GCE_STOCKOUT]: Instance 'gke-churn-gpu-1' creation failed: The zone 'projects/acme-churn/zones/europe-west4-b' does not have enough resources available to fulfill the request.  '(resource type:compute)'.; (truncated)."""
STOCKOUT_ZONES = """\
code: ZONE_RESOURCE_POOL_EXHAUSTED
    metadatas:
      vmType: g2-standard-8
      zone: europe-west4-a
      zonesAvailable: 'europe-west4-b, europe-west4-c'
message: The zone 'projects/acme-churn/zones/europe-west4-a' does not have enough resources available to fulfill the request."""
STOCKOUT_NO_ZONES = STOCKOUT_ZONES.replace("'europe-west4-b, europe-west4-c'", "''")
API = (
    "google_compute_network.main: Error creating Network: googleapi: Error 403: Compute Engine API has not been used in project "
    "406281436678 before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/compute.googleapis.com/overview?project=406281436678 then retry. If you enabled this "
    "API recently, wait a few minutes for the action to propagate to our systems and retry., accessNotConfigured"
)
NAME = (
    'google_storage_bucket.main["data"]: googleapi: Error 409: The requested bucket name is not available. The bucket namespace is shared '
    "by all users of the system. Please select a different name and try again., conflict"
)
OURS = "googleapi: Error 409: Your previous request to create the named bucket succeeded and you already own it., conflict"
DATASET = (
    "Error creating Dataset: googleapi: Error 409: Already Exists: Dataset acme-churn:feedback, duplicate"
)
EXPIRED = """\
Failed to get existing workspaces: querying Cloud Storage failed: Get "https://storage.googleapis.com/storage/v1/b/x/o": oauth2: cannot fetch token: 400 Bad Request
Response: {
  "error": "invalid_grant",
  "error_description": "Bad Request"
}"""
REAUTH = (
    'Error when reading or editing Container Cluster "churn": Get "https://container.googleapis.com/v1/projects/p/locations/l/clusters/churn": '
    'oauth2: "invalid_grant" "reauth related error (rapt_required)" "https://support.google.com/a/answer/9368756"'
)
NO_LOGIN = "storage.NewClient() failed: dialing: google: could not find default credentials. See https://cloud.google.com/docs/authentication"
PROTECTED = (
    "google_container_cluster.main: Cannot destroy cluster because deletion_protection is set to true. Set it to false to proceed with "
    "cluster deletion."
)
LOCK = """\
Error acquiring the state lock
Error message: writing "gs://acme-churn-tfstate/churn/default.tflock" failed: googleapi: Error 412: At least one of the pre-conditions you specified did not hold., conditionNotMet
Lock Info:
  ID:        1795825412271763
  Path:      gs://acme-churn-tfstate/churn/default.tflock
  Operation: OperationTypeApply
  Who:       ada@laptop
  Version:   1.11.4
  Created:   2026-11-28 00:23:32.266713829 +0000 UTC
  Info:


Terraform acquires a state lock to protect the state from being written
by multiple users at the same time."""
GONE = """\
Error acquiring the state lock
Error message: 2 errors occurred:
	* writing "gs://acme-churn-tfstate/churn/default.tflock" failed: googleapi: Error 412: At least one of the pre-conditions you specified did not hold., conditionNotMet
	* storage: object doesn't exist"""


@pytest.mark.parametrize(
    ("text", "kind", "sentence", "remedy"),
    [
        (QUOTA, "quota", "CPUS: 72 are needed, 48 too many; IN_USE_ADDRESSES: 9 are needed, 1 too many.", "quotas?project=acme-churn, or lower system_nodes.machine_type in terraform.tfvars"),
        (QUOTA_2018, "quota", "IN_USE_ADDRESSES: 9 are needed, 1 too many.", "`mx infra plan`"),
        (QUOTA_GCE, "quota", "SSD_TOTAL_GB: the limit is 500 in us-central1.", "`mx infra plan`"),
        (QUOTA_GPU, "quota", "GPUS_ALL_REGIONS: the limit is 0.", "lower gpu_nodes.max"),
        (STOCKOUT, "stockout", "no machine of this kind left in europe-west4-b.", '--filter="zone~europe-west4"'),
        (STOCKOUT_ZONES, "stockout", "left in europe-west4-a.", '`gpu_nodes = { zones = ["europe-west4-b", "europe-west4-c"] }`'),
        (STOCKOUT_NO_ZONES, "stockout", "left in europe-west4-a.", "Google does not say where there is capacity"),
        (API, "api", "Compute Engine API is not switched on in the project 406281436678", "`gcloud services enable compute.googleapis.com --project 406281436678`"),
        (NAME, "name-taken", "shared by the whole world", "bucket_prefix in terraform.tfvars"),
        (OURS, "name-taken", "there already", "terraform import"),
        (DATASET, "name-taken", "there already", "terraform import"),
        (EXPIRED, "login", "the login has expired", "`gcloud auth application-default login`"),
        (REAUTH, "login", "the login has expired", "`gcloud auth application-default login`"),
        (NO_LOGIN, "login", "not logged in", "`gcloud auth application-default login`"),
        (PROTECTED, "protected", "protected from being deleted", "`mx infra destroy`"),
        (LOCK, "lock", "ada@laptop holds it for apply, since 2026-11-28 00:23 UTC", "`mx infra unlock 1795825412271763`"),
        (GONE, "lock", "may be gone by now", "Try again"),
    ],
)  # fmt: skip
def test_a_sentence_and_the_next_command(text: str, kind: str, sentence: str, remedy: str) -> None:
    found = failures.known(text)
    assert found is not None
    assert found.kind == kind
    assert sentence in found.sentence
    assert remedy in found.remedy


def test_what_is_not_known_is_shown_as_it_is() -> None:
    error = failures.error("terraform apply", ["a: the sky fell", "b: and the moon"])
    assert error.message == "`terraform apply` failed:\na: the sky fell\nb: and the moon"
    assert error.hint is None


def test_several_failures_each_have_their_remedy() -> None:
    error = failures.error("terraform apply", [API, QUOTA, API])
    assert "Compute Engine API is not switched on" in error.message
    assert "CPUS: 72 are needed" in error.message
    assert error.message.count("accessNotConfigured") == 1, "what was said twice is shown once"
    assert error.hint
    assert "gcloud services enable" in error.hint
    assert "iam-admin/quotas" in error.hint


@pytest.mark.parametrize(
    ("now", "ago"),
    [("00:23:40", "8 s"), ("00:53:40", "30 min"), ("05:30:00", "5 h")],
)
def test_how_long_a_lock_is_held(now: str, ago: str) -> None:
    lock = locks.parse(LOCK)
    assert lock is not None
    assert f"({ago} ago)" in lock.sentence(datetime.fromisoformat(f"2026-11-28T{now}+00:00").astimezone(UTC))


def test_no_lock_in_other_words() -> None:
    assert locks.parse("Error: nothing of the kind") is None
    assert locks.parse("Lock Info:\n  Who: somebody\n") is None
