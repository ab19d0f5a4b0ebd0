# Builds on Cloud Build: what starts them, as whom they run, and what they may do. Only the connection to
# the repository needs tokens; people put them into Secret Manager, so that neither code nor state has them.

variable "cloud_build_repository" {
  description = "What the repository is cloned from, on GitHub or GitLab. While it is empty nothing starts a build."
  type        = string
  default     = ""

  validation {
    condition     = var.cloud_build_repository == "" || can(regex("^https://.+\\.git$", var.cloud_build_repository))
    error_message = "cloud_build_repository must be empty or begin with https:// and end with .git."
  }
}

variable "cloud_build_app_installation" {
  description = "The number of the installation of Google's app on GitHub; 0 for GitLab."
  type        = number
  default     = 0
}

variable "cloud_build_branch" {
  description = "The default branch."
  type        = string
  default     = "main"
}

variable "cloud_build_schedule" {
  description = "When a model is trained, in UTC, as in crontab; empty for never."
  type        = string
  default     = ""
}

locals {
  cloud_build_host = startswith(var.cloud_build_repository, "https://github.com/") ? "github" : "gitlab"
  # Builds start in one place, which promotes to these; there nothing of it is made but rights.
  cloud_build_environments = {
    "everything-staging"    = "staging"
    "everything-production" = "production"
  }
  cloud_build_promoted = contains(keys(local.cloud_build_environments), var.name)
  cloud_build_on       = var.cloud_build_repository == "" || local.cloud_build_promoted ? 0 : 1

  # Triggers take a regular expression, in which a dot is any character.
  cloud_build_branch = "^${replace(var.cloud_build_branch, ".", "\\.")}$"

  # Until the repository is known, the secrets of both hosts are there to be filled.
  cloud_build_secrets = toset(concat(
    local.cloud_build_on == 1 && local.cloud_build_host == "gitlab" ? [] : ["github"],
    local.cloud_build_on == 1 && local.cloud_build_host == "github" ? [] : ["api", "read", "webhook"],
  ))

  # Reviews run code that nobody has looked at yet: their account may write logs, and nothing else.
  cloud_build_accounts = merge({
    build  = google_service_account.cloud_build.email
    review = google_service_account.cloud_build_review.email
  }, { for account in google_service_account.cloud_build_promote : "promote" => account.email })

  cloud_build_triggers = {
    review = { file = "review", account = google_service_account.cloud_build_review.id }
    push   = { file = "push", account = google_service_account.cloud_build.id }
    tag    = { file = "tag", account = google_service_account.cloud_build.id }
  }
}

data "google_project" "cloud_build" {
  project_id = var.project_id
}

resource "google_project_service" "cloud_build" {
  for_each = toset(["cloudbuild.googleapis.com", "cloudscheduler.googleapis.com", "secretmanager.googleapis.com"])

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

moved {
  from = google_project_service.cloud_build
  to   = google_project_service.cloud_build["cloudscheduler.googleapis.com"]
}

resource "google_service_account" "cloud_build" {
  account_id   = "${trimsuffix(substr(var.name, 0, 24), "-")}-build"
  display_name = "Builds of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_service_account" "cloud_build_review" {
  account_id   = "${trimsuffix(substr(var.name, 0, 23), "-")}-review"
  display_name = "Reviews of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_project_iam_member" "cloud_build_logs" {
  for_each = local.cloud_build_accounts

  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = "serviceAccount:${each.value}"
}

# To find the cluster. What builds may do inside it, in the project's namespace alone, says
# infrastructure/kubernetes/cloud-build-access/.
resource "google_project_iam_member" "cloud_build_cluster" {
  project = var.project_id
  role    = "roles/container.clusterViewer"
  member  = "serviceAccount:${google_service_account.cloud_build.email}"
}

resource "google_artifact_registry_repository_iam_member" "cloud_build" {
  for_each = local.registries

  repository = each.value
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${google_service_account.cloud_build.email}"
}

# Documentation and reports, for whoever may read this project.
resource "google_storage_bucket" "cloud_build_docs" {
  #checkov:skip=CKV_GCP_62:all that is here can be built again from the repository, by whoever may read it
  name                        = "${var.bucket_prefix}-docs"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # it can be built again
  labels                      = local.labels

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = 30
      with_state                 = "ARCHIVED"
    }
  }

  depends_on = [google_project_service.main]
}

resource "google_storage_bucket_iam_member" "cloud_build_docs" {
  bucket = google_storage_bucket.cloud_build_docs.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${google_service_account.cloud_build.email}"
}

resource "google_storage_bucket_iam_member" "cloud_build_docs_engineers" {
  for_each = local.engineers

  bucket = google_storage_bucket.cloud_build_docs.name
  role   = "roles/storage.objectViewer"
  member = "user:${each.value}"
}

# The tokens of the connection; their values are added by hand.
resource "google_secret_manager_secret" "cloud_build" {
  for_each = local.cloud_build_secrets

  secret_id = "${var.name}-cloud-build-${each.value}"
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.cloud_build]
}

resource "google_secret_manager_secret_iam_member" "cloud_build" {
  for_each = google_secret_manager_secret.cloud_build

  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:service-${data.google_project.cloud_build.number}@gcp-sa-cloudbuild.iam.gserviceaccount.com"
}

resource "google_cloudbuildv2_connection" "main" {
  count = local.cloud_build_on

  name     = var.name
  location = var.region

  dynamic "github_config" {
    for_each = local.cloud_build_host == "github" ? [var.cloud_build_app_installation] : []

    content {
      app_installation_id = github_config.value

      authorizer_credential {
        oauth_token_secret_version = "${google_secret_manager_secret.cloud_build["github"].id}/versions/latest"
      }
    }
  }

  dynamic "gitlab_config" {
    for_each = local.cloud_build_host == "gitlab" ? [regex("^https://[^/]+", var.cloud_build_repository)] : []

    content {
      host_uri                      = gitlab_config.value
      webhook_secret_secret_version = "${google_secret_manager_secret.cloud_build["webhook"].id}/versions/latest"

      authorizer_credential {
        user_token_secret_version = "${google_secret_manager_secret.cloud_build["api"].id}/versions/latest"
      }

      read_authorizer_credential {
        user_token_secret_version = "${google_secret_manager_secret.cloud_build["read"].id}/versions/latest"
      }
    }
  }

  depends_on = [google_project_service.cloud_build, google_secret_manager_secret_iam_member.cloud_build]
}

resource "google_cloudbuildv2_repository" "main" {
  count = local.cloud_build_on

  name              = var.name
  location          = var.region
  parent_connection = google_cloudbuildv2_connection.main[0].name
  remote_uri        = var.cloud_build_repository
}

resource "google_cloudbuild_trigger" "events" {
  for_each = local.cloud_build_on == 1 ? local.cloud_build_triggers : {}

  name            = "${var.name}-${each.key}"
  location        = var.region
  filename        = "infrastructure/cloudbuild/${each.value.file}.yaml"
  service_account = each.value.account

  repository_event_config {
    repository = google_cloudbuildv2_repository.main[0].id

    dynamic "pull_request" {
      for_each = each.key == "review" ? [local.cloud_build_branch] : []

      content {
        branch = pull_request.value
        # What a stranger proposes is built after somebody of the project says /gcbrun.
        comment_control = "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
      }
    }

    dynamic "push" {
      for_each = each.key == "review" ? [] : [each.key]

      content {
        branch = push.value == "push" ? local.cloud_build_branch : null
        tag    = push.value == "tag" ? "^v[0-9].*$" : null
      }
    }
  }
}

# Engineers see builds and start them, by hand or again, as the account of the builds and as no other.
resource "google_project_iam_member" "cloud_build_engineers" {
  #checkov:skip=CKV_GCP_49:engineers start builds by hand, and Google has no smaller role that can start one
  for_each = local.engineers

  project = var.project_id
  role    = "roles/cloudbuild.builds.editor"
  member  = "user:${each.value}"
}

resource "google_service_account_iam_member" "cloud_build_engineers" {
  for_each = local.engineers

  service_account_id = google_service_account.cloud_build.name
  role               = "roles/iam.serviceAccountUser"
  member             = "user:${each.value}"
}

# By hand: in the console, or `gcloud builds triggers run NAME-train --region REGION`.
resource "google_cloudbuild_trigger" "train" {
  count = local.cloud_build_on

  name            = "${var.name}-train"
  location        = var.region
  service_account = google_service_account.cloud_build.id

  source_to_build {
    repository = google_cloudbuildv2_repository.main[0].id
    ref        = "refs/heads/${var.cloud_build_branch}"
    repo_type  = "UNKNOWN" # the provider has no word for GitLab; the connection says what it is
  }

  git_file_source {
    path       = "infrastructure/cloudbuild/train.yaml"
    repository = google_cloudbuildv2_repository.main[0].id
    revision   = "refs/heads/${var.cloud_build_branch}"
    repo_type  = "UNKNOWN" # the provider has no word for GitLab; the connection says what it is
  }

  lifecycle {
    # Google answers with the type that it found out.
    ignore_changes = [source_to_build[0].repo_type, git_file_source[0].repo_type]
  }
}

# The schedule may start this one build, and act as nobody but the builds' account.
resource "google_service_account" "cloud_build_schedule" {
  account_id   = "${trimsuffix(substr(var.name, 0, 21), "-")}-schedule"
  display_name = "Schedule of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_project_iam_member" "cloud_build_schedule" {
  #checkov:skip=CKV_GCP_49:it starts a trigger on a schedule, and Google has no smaller role that can start one
  project = var.project_id
  role    = "roles/cloudbuild.builds.editor"
  member  = "serviceAccount:${google_service_account.cloud_build_schedule.email}"
}

resource "google_service_account_iam_member" "cloud_build_schedule" {
  service_account_id = google_service_account.cloud_build.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.cloud_build_schedule.email}"
}

resource "google_cloud_scheduler_job" "cloud_build_train" {
  count = var.cloud_build_schedule == "" ? 0 : local.cloud_build_on

  name      = "${var.name}-train"
  region    = var.region
  schedule  = var.cloud_build_schedule
  time_zone = "Etc/UTC"

  http_target {
    http_method = "POST"
    uri         = "https://cloudbuild.googleapis.com/v1/${google_cloudbuild_trigger.train[0].id}:run"
    body        = base64encode("{}")

    oauth_token {
      service_account_email = google_service_account.cloud_build_schedule.email
    }
  }

  depends_on = [google_project_service.cloud_build]
}

# What administers the clusters of other environments is no account of every push.
resource "google_service_account" "cloud_build_promote" {
  count = local.cloud_build_promoted ? 0 : 1

  account_id   = "${trimsuffix(substr(var.name, 0, 22), "-")}-promote"
  display_name = "Promotions of ${var.name}"

  depends_on = [google_project_service.main]
}

# Who may act as it needs no approval: only leads, who start promotions, and no engineer.
resource "google_service_account_iam_member" "cloud_build_promote" {
  for_each = local.cloud_build_promoted ? toset([]) : local.leads

  service_account_id = google_service_account.cloud_build_promote[0].name
  role               = "roles/iam.serviceAccountUser"
  member             = "user:${each.value}"
}

# A lead starts it by hand, and it waits until somebody with the role Cloud Build Approver agrees:
# `gcloud builds triggers run NAME-promote-ENVIRONMENT --region REGION`.
resource "google_cloudbuild_trigger" "promote" {
  for_each = local.cloud_build_on == 1 ? toset(values(local.cloud_build_environments)) : toset([])

  name            = "${var.name}-promote-${each.key}"
  location        = var.region
  service_account = google_service_account.cloud_build_promote[0].id

  approval_config {
    approval_required = true
  }

  source_to_build {
    repository = google_cloudbuildv2_repository.main[0].id
    ref        = "refs/heads/${var.cloud_build_branch}"
    repo_type  = "UNKNOWN" # the provider has no word for GitLab; the connection says what it is
  }

  git_file_source {
    path       = "infrastructure/cloudbuild/promote-${each.key}.yaml"
    repository = google_cloudbuildv2_repository.main[0].id
    revision   = "refs/heads/${var.cloud_build_branch}"
    repo_type  = "UNKNOWN" # the provider has no word for GitLab; the connection says what it is
  }

  lifecycle {
    # Google answers with the type that it found out.
    ignore_changes = [source_to_build[0].repo_type, git_file_source[0].repo_type]
  }
}

# Where a commit is promoted to, promotions of the first environment deploy: its account is there before.
resource "google_project_iam_member" "cloud_build_promote" {
  #checkov:skip=CKV_GCP_42:manifests bring roles, which only who administers the cluster may apply; each build waits for an approval
  count = local.cloud_build_promoted ? 1 : 0

  project = var.project_id
  role    = "roles/container.admin"
  member  = "serviceAccount:everything-promote@everything.iam.gserviceaccount.com"
}
