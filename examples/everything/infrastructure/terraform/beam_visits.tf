# Who the workers of the pipeline `visits` are on Dataflow, what they reach, and who may start them. They have no public address: they
# reach Google's services through Private Google Access, and have all that they need in their image.

locals {
  beam_visits = {
    bucket = google_storage_bucket.main["data"].name

    # All that the pipeline writes: its versions, what it rejects, and what Dataflow keeps while it runs.
    writes = ["visits/", "rejected/visits/", "dataflow/visits/"]
  }
}

resource "google_project_service" "beam_visits" {
  project            = var.project_id
  service            = "dataflow.googleapis.com"
  disable_on_destroy = false
}

resource "google_service_account" "beam_visits" {
  account_id   = "visits-beam-a87d3b"
  display_name = "Workers of the pipeline visits of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_project_iam_member" "beam_visits" {
  project = var.project_id
  role    = "roles/dataflow.worker"
  member  = "serviceAccount:${google_service_account.beam_visits.email}"
}

resource "google_artifact_registry_repository_iam_member" "beam_visits" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${google_service_account.beam_visits.email}"
}

# They read all data, and replace and delete nothing but what the pipeline writes: the raw files stay as they are.
resource "google_storage_bucket_iam_member" "beam_visits_reads" {
  bucket = local.beam_visits.bucket
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.beam_visits.email}"
}

resource "google_storage_bucket_iam_member" "beam_visits_writes" {
  bucket = local.beam_visits.bucket
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${google_service_account.beam_visits.email}"

  condition {
    title = "what the pipeline visits writes"
    expression = join(" || ", [
      for folder in local.beam_visits.writes :
      "resource.name.startsWith(\"projects/_/buckets/${local.beam_visits.bucket}/objects/${folder}\")"
    ])
  }
}

# Dataflow gives its workers this tag; they hand records to each other, and to nobody else.
resource "google_compute_firewall" "beam_visits" {
  name        = "visits-beam-a87d3b"
  network     = google_compute_network.main.id
  description = "Workers of the pipeline visits among themselves"
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

# Engineers start the pipeline.
resource "google_project_iam_member" "beam_visits_engineers" {
  for_each = local.engineers

  project = var.project_id
  role    = "roles/dataflow.developer"
  member  = "user:${each.value}"
}

resource "google_service_account_iam_member" "beam_visits_engineers" {
  for_each = local.engineers

  service_account_id = google_service_account.beam_visits.name
  role               = "roles/iam.serviceAccountUser"
  member             = "user:${each.value}"
}
