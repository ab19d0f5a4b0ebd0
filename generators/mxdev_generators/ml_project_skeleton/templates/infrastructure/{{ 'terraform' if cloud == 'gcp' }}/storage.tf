# "data" holds what models are trained on, "artifacts" what MLflow keeps (models, plots, files of runs), "backups" the
# dumps of MLflow's database. `terraform destroy` refuses to delete a bucket that is not empty; destroy.sh asks first.

locals {
  buckets = toset(["artifacts", "backups", "data"])

  # Files that are of no use any more, by bucket: of live objects whose name ends or begins so, after how many days.
  expiring = {
    artifacts = [{ prefix = [], suffix = local.checkpoints, days = var.checkpoint_days }]
    backups = [
      { prefix = ["before-restore/", "nightly/"], suffix = [], days = var.backup_days },
      { prefix = ["before-migration/"], suffix = [], days = max(365, var.backup_days) },
    ]
    data = []
  }

  # What training writes again and again, to be resumed from: src/.../checkpoint.py names them so.
  checkpoints = ["/checkpoint/one.pt", "/checkpoint/other.pt"]
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

  # A checkpoint is overwritten every few minutes: its old versions would cost more than all models together.
  dynamic "lifecycle_rule" {
    for_each = each.value == "artifacts" ? [local.checkpoints] : []

    content {
      action {
        type = "Delete"
      }

      condition {
        days_since_noncurrent_time = 1
        matches_suffix             = lifecycle_rule.value
        with_state                 = "ARCHIVED"
      }
    }
  }

  dynamic "lifecycle_rule" {
    for_each = local.expiring[each.value]

    content {
      action {
        type = "Delete"
      }

      condition {
        age            = lifecycle_rule.value.days
        matches_prefix = lifecycle_rule.value.prefix
        matches_suffix = lifecycle_rule.value.suffix
        with_state     = "LIVE"
      }
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
