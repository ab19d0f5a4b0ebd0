# Buckets and registries: closed to the public, recoverable, tidy.
# Runs offline and makes nothing: `terraform test`.

mock_provider "google" {
  source = "./tests/mocks"
}

# These win over terraform.tfvars: the tests do not depend on the answers of one project.
variables {
  project_id    = "test-project"
  region        = "europe-west4"
  zone          = ""
  name          = "digits"
  bucket_prefix = "test-project-digits"
  accelerator   = "none"
  engineers     = []

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

run "buckets" {
  command = plan

  variables {
    noncurrent_days = 90
  }

  assert {
    condition     = toset([for bucket in google_storage_bucket.main : bucket.name]) == toset(["test-project-digits-artifacts", "test-project-digits-data"])
    error_message = "There must be a bucket for data and one for artifacts, named after the prefix."
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.main : bucket.public_access_prevention == "enforced"])
    error_message = "No bucket may ever be public."
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.main : bucket.uniform_bucket_level_access])
    error_message = "Rights must be on the bucket, not on single objects."
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.main : bucket.versioning[0].enabled])
    error_message = "What is overwritten must be recoverable."
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.main : !bucket.force_destroy])
    error_message = "A bucket with data in it must not be destroyed."
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.main : bucket.location == "europe-west4"])
    error_message = "Buckets must be in the project's region."
  }

  assert {
    condition = alltrue([
      for bucket in google_storage_bucket.main : one([
        for rule in bucket.lifecycle_rule : one(rule.condition).days_since_noncurrent_time if one(rule.action).type == "Delete"
      ]) == 90
    ])
    error_message = "Old versions must go after the days that were asked for."
  }

  assert {
    condition = alltrue([
      for bucket in google_storage_bucket.main : alltrue([
        for rule in bucket.lifecycle_rule : one(rule.condition).with_state == "ARCHIVED" if one(rule.action).type == "Delete"
      ])
    ])
    error_message = "Only old versions may be deleted, never an object that is in use."
  }
}

run "registries" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository.images.format == "DOCKER" && google_artifact_registry_repository.python.format == "PYTHON"
    error_message = "There must be a registry for images and one for Python packages."
  }

  assert {
    condition     = [for policy in google_artifact_registry_repository.images.cleanup_policies : policy.condition[0].tag_state] == ["UNTAGGED"]
    error_message = "Images that have a tag must stay: runs refer to them."
  }

  assert {
    condition     = output.image_registry == "europe-west4-docker.pkg.dev/test-project/digits"
    error_message = "The output must be what image names begin with."
  }

  assert {
    condition     = output.python_index == "https://europe-west4-python.pkg.dev/test-project/digits-python/"
    error_message = "The output must be the address of the package index."
  }

  assert {
    condition     = output.artifacts_bucket == "test-project-digits-artifacts" && output.data_bucket == "test-project-digits-data"
    error_message = "The outputs must not mix the buckets up."
  }
}
