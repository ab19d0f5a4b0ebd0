# The Google Cloud services that the project uses. bootstrap.sh switches them on before the first apply: a service
# that was switched on a moment ago still refuses. Other things in the cloud project may use them too, so
# `terraform destroy` leaves them on.

locals {
  services = toset([
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "compute.googleapis.com",
    "container.googleapis.com",
    "containerfilesystem.googleapis.com", # image streaming
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
  ])
}

resource "google_project_service" "main" {
  for_each = local.services

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}
