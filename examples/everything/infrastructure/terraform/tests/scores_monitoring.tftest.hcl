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
    condition     = endswith(google_storage_bucket_iam_member.scores_monitoring_endpoint.member, "/projects/1234/locations/global/workloadIdentityPools/test-project.svc.id.goog/subject/ns/digits/sa/scores")
    error_message = "The endpoint's own Kubernetes service account writes, and no other."
  }

  assert {
    condition     = google_storage_bucket_iam_member.scores_monitoring_endpoint.role == "roles/storage.objectCreator"
    error_message = "The endpoint adds files; it neither reads nor deletes what others asked."
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
