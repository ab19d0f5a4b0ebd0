# What the endpoint scores may do with the bucket of its request log.
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

override_data {
  target = data.google_project.served_scores
  values = {
    number = "1234"
  }
}

run "it_adds_files_and_nothing_else" {
  command = plan

  assert {
    condition     = google_storage_bucket_iam_member.served_scores.role == "roles/storage.objectCreator"
    error_message = "Who writes requests down neither reads nor deletes any."
  }

  assert {
    condition     = google_storage_bucket_iam_member.served_scores.bucket == "test-project-digits-data"
    error_message = "It is the bucket of --request-log."
  }

  assert {
    condition     = endswith(google_storage_bucket_iam_member.served_scores.member, "/projects/1234/locations/global/workloadIdentityPools/test-project.svc.id.goog/subject/ns/digits/sa/scores")
    error_message = "Only the service account of this endpoint, in the project's namespace, is let in."
  }
}
