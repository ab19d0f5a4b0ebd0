# The registries of the project's container images and Python packages.

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:encrypted with Google's keys; keys of your own are a decision with a running cost
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Container images of ${var.name}"
  labels        = local.labels

  # An image without a tag is one whose tag moved on. Tagged images stay: runs refer to them.
  cleanup_policies {
    id     = "delete-untagged"
    action = "DELETE"

    condition {
      tag_state  = "UNTAGGED"
      older_than = "2592000s" # 30 days
    }
  }

  depends_on = [google_project_service.main]
}

resource "google_artifact_registry_repository" "python" {
  #checkov:skip=CKV_GCP_84:encrypted with Google's keys; keys of your own are a decision with a running cost
  repository_id = "${var.name}-python"
  location      = var.region
  format        = "PYTHON"
  description   = "Python packages of ${var.name}"
  labels        = local.labels

  depends_on = [google_project_service.main]
}
