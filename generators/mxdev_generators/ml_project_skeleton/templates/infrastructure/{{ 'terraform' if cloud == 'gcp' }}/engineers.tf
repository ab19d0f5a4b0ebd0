# What people may do. Engineers deploy to the cluster, push images and packages, work with the data, and look at
# everything else. Leads may also change who may do what inside the cluster: they install operators and give CI its
# rights there. Nobody here may change roles of the cloud project, networks or the cluster itself: whoever applies this
# configuration may.

locals {
  # Google compares addresses without regard to case and answers in lower case.
  leads     = toset([for email in var.leads : lower(email)])
  engineers = setunion(local.leads, [for email in var.engineers : lower(email)])

  # On the whole project, for want of anything smaller.
  engineer_project_roles = toset([
    "roles/container.developer",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
  ])

  engineer_bucket_roles = {
    artifacts = "roles/storage.objectViewer"
    backups   = "roles/storage.objectViewer"
    data      = "roles/storage.objectUser"
  }

  registries = {
    images = google_artifact_registry_repository.images.name
    python = google_artifact_registry_repository.python.name
  }
}

resource "google_project_iam_member" "engineers" {
  for_each = {
    for pair in setproduct(local.engineers, local.engineer_project_roles) :
    "${pair[0]} ${pair[1]}" => { email = pair[0], role = pair[1] }
  }

  project = var.project_id
  role    = each.value.role
  member  = "user:${each.value.email}"
}

# Operators and CI bring roles of their own, which `container.developer` may not make.
resource "google_project_iam_member" "leads" {
  for_each = local.leads

  project = var.project_id
  role    = "roles/container.admin"
  member  = "user:${each.value}"
}

resource "google_storage_bucket_iam_member" "engineers" {
  for_each = {
    for pair in setproduct(local.engineers, keys(local.engineer_bucket_roles)) :
    "${pair[0]} ${pair[1]}" => { email = pair[0], bucket = pair[1] }
  }

  bucket = google_storage_bucket.main[each.value.bucket].name
  role   = local.engineer_bucket_roles[each.value.bucket]
  member = "user:${each.value.email}"
}

resource "google_artifact_registry_repository_iam_member" "engineers" {
  for_each = {
    for pair in setproduct(local.engineers, keys(local.registries)) :
    "${pair[0]} ${pair[1]}" => { email = pair[0], registry = pair[1] }
  }

  repository = local.registries[each.value.registry]
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = "user:${each.value.email}"
}
