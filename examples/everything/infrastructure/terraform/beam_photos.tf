# Who the workers of the pipeline `photos` are on Dataflow, what they reach, and who may start them. They have no public address: they
# reach Google's services through Private Google Access, and have all that they need in their image.

locals {
  beam_photos = {
    bucket = google_storage_bucket.main["data"].name

    # All that the pipeline writes: its versions, what it rejects, and what Dataflow keeps while it runs.
    writes = ["photos/", "rejected/photos/", "dataflow/photos/"]
  }
}

resource "google_project_service" "beam_photos" {
  project            = var.project_id
  service            = "dataflow.googleapis.com"
  disable_on_destroy = false
}

resource "google_service_account" "beam_photos" {
  account_id   = "photos-beam-0bd26f"
  display_name = "Workers of the pipeline photos of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_project_iam_member" "beam_photos" {
  project = var.project_id
  role    = "roles/dataflow.worker"
  member  = "serviceAccount:${google_service_account.beam_photos.email}"
}

resource "google_artifact_registry_repository_iam_member" "beam_photos" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${google_service_account.beam_photos.email}"
}

# They read all data, and replace and delete nothing but what the pipeline writes: the raw files stay as they are.
resource "google_storage_bucket_iam_member" "beam_photos_reads" {
  bucket = local.beam_photos.bucket
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.beam_photos.email}"
}

resource "google_storage_bucket_iam_member" "beam_photos_writes" {
  bucket = local.beam_photos.bucket
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${google_service_account.beam_photos.email}"

  condition {
    title = "what the pipeline photos writes"
    expression = join(" || ", [
      for folder in local.beam_photos.writes :
      "resource.name.startsWith(\"projects/_/buckets/${local.beam_photos.bucket}/objects/${folder}\")"
    ])
  }
}

# Dataflow gives its workers this tag; they hand records to each other, and to nobody else.
resource "google_compute_firewall" "beam_photos" {
  name        = "photos-beam-0bd26f"
  network     = google_compute_network.main.id
  description = "Workers of the pipeline photos among themselves"
  source_tags = ["dataflow"]
  target_tags = ["dataflow"]

  allow {
    protocol = "tcp"
    ports    = ["12345-12346"]
  }
}

# Engineers start the pipeline.
resource "google_project_iam_member" "beam_photos_engineers" {
  for_each = local.engineers

  project = var.project_id
  role    = "roles/dataflow.developer"
  member  = "user:${each.value}"
}

resource "google_service_account_iam_member" "beam_photos_engineers" {
  for_each = local.engineers

  service_account_id = google_service_account.beam_photos.name
  role               = "roles/iam.serviceAccountUser"
  member             = "user:${each.value}"
}
