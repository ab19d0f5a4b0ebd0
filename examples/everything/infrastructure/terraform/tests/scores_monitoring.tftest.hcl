# Who may read and write the requests of scores. Runs offline and makes nothing: `terraform test`.

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

override_data {
  target = data.google_project.scores_monitoring
  values = {
    number = "1234"
  }
}

run "who_may_what" {
  assert {
    condition     = google_storage_bucket.scores_monitoring.name == "${trimsuffix(substr("test-project-digits", 0, 52), "-")}-scores-log"
    error_message = "Each environment has a bucket of its own."
  }

  assert {
    condition     = one(one(google_storage_bucket.scores_monitoring.lifecycle_rule).action).type == "Delete" && one(one(google_storage_bucket.scores_monitoring.lifecycle_rule).condition).age == 30
    error_message = "Requests go after the days that were asked for."
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.scores_monitoring.member, "/ns/digits/sa/scores-monitoring")
    error_message = "The monitoring reads the requests."
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.scores_monitoring_data.member, "/ns/digits/sa/scores-monitoring") && google_storage_bucket_iam_member.scores_monitoring_data.role == "roles/storage.objectViewer"
    error_message = "The monitoring reads the training data, and does not change it."
  }
}
