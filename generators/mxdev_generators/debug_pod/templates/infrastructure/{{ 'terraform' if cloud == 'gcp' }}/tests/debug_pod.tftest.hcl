# Who the debug pod is to Google Cloud.
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

override_resource {
  target = google_service_account.trainer
  values = {
    name  = "projects/test-project/serviceAccounts/digits-trainer@test-project.iam.gserviceaccount.com"
    email = "digits-trainer@test-project.iam.gserviceaccount.com"
  }
}

run "the_pod_acts_as_training_jobs_do" {
  assert {
    condition     = google_service_account_iam_member.debug_pod.service_account_id == "projects/test-project/serviceAccounts/digits-trainer@test-project.iam.gserviceaccount.com"
    error_message = "The pod may do what training jobs may do, and nothing else."
  }

  assert {
    condition     = google_service_account_iam_member.debug_pod.member == "serviceAccount:test-project.svc.id.goog[digits/debug]"
    error_message = "Only the Kubernetes service account `debug` of the project's namespace is let in."
  }
}
