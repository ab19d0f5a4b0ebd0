# What GitHub's jobs may do here: push images and packages, and start training. They come without a key:
# GitHub signs a token for every job, and Google exchanges it for one that lives for an hour at most.

variable "github_repository" {
  description = "The number of the repository on GitHub whose jobs are let in; 0 lets nobody in."
  type        = string
  default     = "0"

  validation {
    condition     = can(regex("^[0-9]+$", var.github_repository))
    error_message = "github_repository must be a number: names can change hands."
  }
}

variable "github_branch" {
  description = "The branch whose jobs are let in, beside tags that begin with v; a ruleset of the repository must protect both."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]+$", var.github_branch))
    error_message = "github_branch must be the name of a branch."
  }
}

resource "google_project_service" "github" {
  for_each = toset(["iamcredentials.googleapis.com", "sts.googleapis.com"])

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

# In an environment that a commit is promoted to, only the job that somebody has approved may act, and it deploys.
locals {
  github_environments = {
    "everything-staging"    = "staging"
    "everything-production" = "production"
  }
  github_environment = lookup(local.github_environments, var.name, "")
  github_condition   = local.github_environment == "" ? "" : " && assertion.environment == '${local.github_environment}'"
}

resource "google_service_account" "github" {
  account_id   = "${trimsuffix(substr(var.name, 0, 23), "-")}-github"
  display_name = "GitHub's jobs of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_iam_workload_identity_pool" "github" {
  workload_identity_pool_id = replace("${trimsuffix(substr(var.name, 0, 23), "-")}-github", "/^gcp-/", "ci-")
  display_name              = "GitHub"

  depends_on = [google_project_service.github]
}

# Only this repository, and of it only the default branch and tags v..., both protected by a rule of the repository: a
# pull request cannot get in, and nobody can push a tag whose workflow nobody has looked at.
resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125:it wants a name; the number of the repository is compared, which nobody else can ever have
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_condition                = "assertion.repository_id == '${var.github_repository}' && assertion.ref_protected == 'true' && (assertion.ref == 'refs/heads/${var.github_branch}' || assertion.ref.startsWith('refs/tags/v'))${local.github_condition}"

  # GitHub's own subject has the names of owner and repository, and Google takes no more than 127 bytes.
  attribute_mapping = {
    "google.subject"          = "assertion.repository_id + ':' + assertion.ref"
    "attribute.repository_id" = "assertion.repository_id"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

# A token for an hour, because a large image takes longer to push than GitHub's own token lives.
resource "google_service_account_iam_member" "github" {
  service_account_id = google_service_account.github.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/attribute.repository_id/${var.github_repository}"
}

resource "google_artifact_registry_repository_iam_member" "github" {
  for_each = local.registries

  repository = each.value
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${google_service_account.github.email}"
}

# To find the cluster. What jobs may do inside it, in the project's namespace alone, says
# infrastructure/kubernetes/github-access/.
resource "google_project_iam_member" "github" {
  project = var.project_id
  role    = contains(keys(local.github_environments), var.name) ? "roles/container.admin" : "roles/container.clusterViewer"
  member  = "serviceAccount:${google_service_account.github.email}"
}

output "github_workload_identity_provider" {
  description = "The value of the variable GCP_WORKLOAD_IDENTITY_PROVIDER on GitHub."
  value       = google_iam_workload_identity_pool_provider.github.name
}
