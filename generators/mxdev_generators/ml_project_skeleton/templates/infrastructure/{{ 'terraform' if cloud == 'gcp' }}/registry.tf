# The registries of the project's container images and Python packages.

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:encrypted with Google's keys; keys of your own are a decision with a running cost
  repository_id = var.name
  location      = var.region
  format        = "DOCKER"
  description   = "Container images of ${var.name}"
  labels        = local.labels

  # A tag says what an image was built from: a commit, or the hash of what is required. Nobody can push another image
  # under it, from a machine with another processor for instance.
  docker_config {
    immutable_tags = var.immutable_tags
  }

  # Run images stay: runs refer to them, and they hold the layers of their base. Of base images those go that are old and
  # not among the last; Google deletes no image whose tag is immutable, so that needs immutable_tags = false.
  cleanup_policies {
    id     = "delete-old-bases"
    action = "DELETE"

    condition {
      tag_state             = "ANY"
      package_name_prefixes = ["base"]
      older_than            = "7776000s" # 90 days
    }
  }

  cleanup_policies {
    id     = "keep-last-bases"
    action = "KEEP"

    most_recent_versions {
      package_name_prefixes = ["base"]
      keep_count            = 10
    }
  }

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
