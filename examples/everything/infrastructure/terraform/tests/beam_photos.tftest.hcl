# What the workers of the pipeline `photos` may do.
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
  engineers     = ["ada@example.com"]
  leads         = []

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

override_resource {
  target = google_service_account.beam_photos
  values = {
    name  = "projects/test-project/serviceAccounts/workers@test-project.iam.gserviceaccount.com"
    email = "workers@test-project.iam.gserviceaccount.com"
  }
}

run "workers_are_somebody_of_their_own" {
  assert {
    condition     = google_service_account.beam_photos.account_id == "photos-beam-0bd26f"
    error_message = "`mx data run` starts them as this account."
  }

  assert {
    condition = toset([
      for grant in [google_project_iam_member.beam_photos, google_storage_bucket_iam_member.beam_photos_reads, google_storage_bucket_iam_member.beam_photos_writes, google_artifact_registry_repository_iam_member.beam_photos] : "${grant.member} ${grant.role}"
      ]) == toset([
      "serviceAccount:workers@test-project.iam.gserviceaccount.com roles/dataflow.worker",
      "serviceAccount:workers@test-project.iam.gserviceaccount.com roles/storage.objectViewer",
      "serviceAccount:workers@test-project.iam.gserviceaccount.com roles/storage.objectUser",
      "serviceAccount:workers@test-project.iam.gserviceaccount.com roles/artifactregistry.reader",
    ])
    error_message = "They work for Dataflow, read data, write their own, and pull their image."
  }
}

run "raw_files_stay_as_they_are" {
  assert {
    condition = google_storage_bucket_iam_member.beam_photos_writes.condition[0].expression == join(" || ", [
      "resource.name.startsWith(\"projects/_/buckets/test-project-digits-data/objects/photos/\")",
      "resource.name.startsWith(\"projects/_/buckets/test-project-digits-data/objects/rejected/photos/\")",
      "resource.name.startsWith(\"projects/_/buckets/test-project-digits-data/objects/dataflow/photos/\")",
    ])
    error_message = "They replace and delete nothing but what they wrote."
  }
}

run "nobody_else_reaches_them" {
  assert {
    condition     = google_compute_firewall.beam_photos.source_tags == toset(["dataflow"]) && google_compute_firewall.beam_photos.target_tags == toset(["dataflow"])
    error_message = "Only workers reach workers."
  }
}

run "engineers_start_it" {
  assert {
    condition     = [for grant in google_service_account_iam_member.beam_photos_engineers : "${grant.member} ${grant.role}"] == ["user:ada@example.com roles/iam.serviceAccountUser"]
    error_message = "An engineer starts a job whose workers are that account."
  }
}
