# Where the requests of scores are, and who reads them: the monitoring, which adds reports. That the endpoint may add files, its own file says.
# Requests may be of people: they go by themselves after 30 days.

data "google_project" "scores_monitoring" {
  project_id = var.project_id
}

locals {
  # The Kubernetes service accounts themselves, without a Google account between them: no key exists that could leak.
  scores_principals = "principal://iam.googleapis.com/projects/${data.google_project.scores_monitoring.number}/locations/global/workloadIdentityPools/${local.workload_pool}/subject/ns/${local.namespace}/sa"
}

resource "google_storage_bucket" "scores_monitoring" {
  #checkov:skip=CKV_GCP_62:who reads is logged once Data Access audit logs are on, which cost; access logs would need a bucket that logs itself
  #checkov:skip=CKV_GCP_78:what is to go after some days must not stay as an old version
  name                        = "${trimsuffix(substr(var.bucket_prefix, 0, 52), "-")}-scores-log"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Nothing in it is kept for long anyway.
  force_destroy = true
  labels        = local.labels

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age = 30
    }
  }

  depends_on = [google_project_service.main]
}

# It writes the last report over the one before.
resource "google_storage_bucket_iam_member" "scores_monitoring" {
  bucket = google_storage_bucket.scores_monitoring.name
  role   = "roles/storage.objectUser"
  member = "${local.scores_principals}/scores-monitoring"

  depends_on = [google_container_cluster.main]
}

# The profile of the training data is made of that data.
resource "google_storage_bucket_iam_member" "scores_monitoring_data" {
  bucket = google_storage_bucket.main["data"].name
  role   = "roles/storage.objectViewer"
  member = "${local.scores_principals}/scores-monitoring"

  depends_on = [google_container_cluster.main]
}
