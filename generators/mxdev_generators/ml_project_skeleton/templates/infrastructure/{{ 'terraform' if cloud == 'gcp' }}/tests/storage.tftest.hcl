# Buckets and registries: their names, what is kept, and for how long.
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
  gpu_driver    = "google"
  engineers     = []
  leads         = []

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

run "buckets" {
  command = plan

  assert {
    condition     = toset([for bucket in google_storage_bucket.main : bucket.name]) == toset(["test-project-digits-artifacts", "test-project-digits-backups", "test-project-digits-data"])
    error_message = "The buckets must be named after the prefix."
  }

  assert {
    condition     = { artifacts = output.artifacts_bucket, backups = output.backups_bucket, data = output.data_bucket } == { for key, bucket in google_storage_bucket.main : key => bucket.name }
    error_message = "The outputs must not mix the buckets up."
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.main : bucket.public_access_prevention == "enforced" && bucket.versioning[0].enabled && !bucket.force_destroy])
    error_message = "No bucket may be public, lose what is overwritten, or be destroyed with something in it."
  }
}

run "what_is_deleted" {
  variables {
    noncurrent_days = 90
    checkpoint_days = 20
    backup_days     = 10
  }

  # Of live objects only old checkpoints and old dumps go: never a model, and never data.
  assert {
    condition = {
      for key, bucket in google_storage_bucket.main : key => toset([
        for rule in bucket.lifecycle_rule : "${join(",", one(rule.condition).matches_prefix)}*${join(",", one(rule.condition).matches_suffix)} ${one(rule.condition).age}"
        if one(rule.action).type == "Delete" && one(rule.condition).with_state != "ARCHIVED"
      ])
      } == {
      artifacts = toset(["*/checkpoint/one.pt,/checkpoint/other.pt 20"])
      backups   = toset(["before-restore/,nightly/* 10", "before-migration/* 365"])
      data      = toset([])
    }
    error_message = "Only checkpoints and dumps may be deleted, after the days that were asked for."
  }

  assert {
    condition = {
      for key, bucket in google_storage_bucket.main : key => toset([
        for rule in bucket.lifecycle_rule : one(rule.condition).days_since_noncurrent_time if one(rule.condition).with_state == "ARCHIVED"
      ])
    } == { artifacts = toset([1, 90]), backups = toset([90]), data = toset([90]) }
    error_message = "Old versions must go after the days that were asked for, those of checkpoints after one."
  }
}

run "registries" {
  command = plan

  assert {
    condition     = google_artifact_registry_repository.images.docker_config[0].immutable_tags
    error_message = "Nobody may push another image under a tag that runs refer to."
  }

  assert {
    condition = toset([
      for policy in google_artifact_registry_repository.images.cleanup_policies : policy.condition[0].tag_state if policy.action == "DELETE" && !contains(coalesce(one(policy.condition[*].package_name_prefixes), []), "base")
    ]) == toset(["UNTAGGED"])
    error_message = "Images that have a tag must stay: runs refer to them."
  }

  assert {
    condition     = output.image_registry == "europe-west4-docker.pkg.dev/test-project/digits" && output.python_index == "https://europe-west4-python.pkg.dev/test-project/digits-python/"
    error_message = "The outputs must be what names of images begin with, and the address of the package index."
  }
}
