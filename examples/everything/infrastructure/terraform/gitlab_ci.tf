# What GitLab's jobs may do here: push images, and start training. They come without a key: GitLab signs a
# token for every job, and Google exchanges it for one that lives for an hour at most.

variable "gitlab_project" {
  description = "The number of the project on GitLab whose jobs are let in; 0 lets nobody in."
  type        = string
  default     = "0"

  validation {
    condition     = can(regex("^[0-9]+$", var.gitlab_project))
    error_message = "gitlab_project must be a number: names can change hands."
  }
}

resource "google_project_service" "gitlab" {
  for_each = toset(["iamcredentials.googleapis.com", "sts.googleapis.com"])

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

# In an environment that a commit is promoted to, only the job that somebody has approved may act, and it deploys.
locals {
  gitlab_environments = {
    "everything-staging"    = "staging"
    "everything-production" = "production"
  }
  gitlab_environment = lookup(local.gitlab_environments, var.name, "")
  gitlab_condition   = local.gitlab_environment == "" ? "" : " && assertion.environment == '${local.gitlab_environment}'"
}

resource "google_service_account" "gitlab" {
  account_id   = "${trimsuffix(substr(var.name, 0, 23), "-")}-gitlab"
  display_name = "GitLab's jobs of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_iam_workload_identity_pool" "gitlab" {
  workload_identity_pool_id = replace("${trimsuffix(substr(var.name, 0, 23), "-")}-gitlab", "/^gcp-/", "ci-")
  display_name              = "GitLab"

  depends_on = [google_project_service.gitlab]
}

# Only this project, and of it only branches and tags that are protected: a merge request cannot get in.
resource "google_iam_workload_identity_pool_provider" "gitlab" {
  workload_identity_pool_id          = google_iam_workload_identity_pool.gitlab.workload_identity_pool_id
  workload_identity_pool_provider_id = "gitlab"
  attribute_condition                = "assertion.project_id == '${var.gitlab_project}' && assertion.ref_protected == 'true'${local.gitlab_condition}"

  # GitLab's own subject has the whole path of the project, and Google takes no more than 127 bytes.
  attribute_mapping = {
    "google.subject"       = "assertion.project_id + ':' + assertion.ref"
    "attribute.project_id" = "assertion.project_id"
  }

  oidc {
    issuer_uri = "https://gitlab.com"
  }
}

resource "google_service_account_iam_member" "gitlab" {
  service_account_id = google_service_account.gitlab.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.gitlab.name}/attribute.project_id/${var.gitlab_project}"
}

resource "google_artifact_registry_repository_iam_member" "gitlab" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${google_service_account.gitlab.email}"
}

# To find the cluster. What jobs may do inside it, in the project's namespace alone, says
# infrastructure/kubernetes/gitlab-access/.
resource "google_project_iam_member" "gitlab" {
  project = var.project_id
  role    = contains(keys(local.gitlab_environments), var.name) ? "roles/container.admin" : "roles/container.clusterViewer"
  member  = "serviceAccount:${google_service_account.gitlab.email}"
}

output "gitlab_workload_identity_provider" {
  description = "The value of the variable GCP_WORKLOAD_IDENTITY_PROVIDER on GitLab."
  value       = google_iam_workload_identity_pool_provider.gitlab.name
}
