# "data" holds what models are trained on, "artifacts" what MLflow keeps: models, plots, files of runs.
# `terraform destroy` refuses to delete a bucket that is not empty.

locals {
  buckets = toset(["artifacts", "data"])
}

resource "google_storage_bucket" "main" {
  #checkov:skip=CKV_GCP_62:who reads is logged once Data Access audit logs are on, which cost; access logs would need a bucket that logs itself
  for_each = local.buckets

  name                        = "${var.bucket_prefix}-${each.value}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false
  labels                      = local.labels

  # What is overwritten or deleted can be brought back for a while.
  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = var.noncurrent_days
      with_state                 = "ARCHIVED"
    }
  }

  # The parts of an upload that was never finished.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 7
    }
  }

  depends_on = [google_project_service.main]
}
