# One service account for each kind of work, with no more rights than that work needs.

resource "google_service_account" "nodes" {
  account_id   = var.service_accounts.nodes
  display_name = "Nodes of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_service_account" "trainer" {
  account_id   = var.service_accounts.trainer
  display_name = "Training jobs of ${var.name}"

  depends_on = [google_project_service.main]
}

resource "google_service_account" "mlflow" {
  account_id   = var.service_accounts.mlflow
  display_name = "MLflow of ${var.name}"

  depends_on = [google_project_service.main]
}

# Nodes write logs and metrics, and pull images.
resource "google_project_iam_member" "nodes" {
  project = var.project_id
  role    = "roles/container.defaultNodeServiceAccount"
  member  = "serviceAccount:${google_service_account.nodes.email}"
}

resource "google_artifact_registry_repository_iam_member" "nodes" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${google_service_account.nodes.email}"
}

# Training jobs read the data. Models and plots go through the MLflow server, so that no job can delete one of them.
resource "google_storage_bucket_iam_member" "trainer_data" {
  bucket = google_storage_bucket.main["data"].name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.trainer.email}"
}

# The MLflow server keeps the artifacts, and has nothing to do with the data.
resource "google_storage_bucket_iam_member" "mlflow_artifacts" {
  bucket = google_storage_bucket.main["artifacts"].name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${google_service_account.mlflow.email}"
}

# It adds dumps of its database and reads them to restore one, and can neither change nor delete any.
resource "google_storage_bucket_iam_member" "mlflow_backups" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])

  bucket = google_storage_bucket.main["backups"].name
  role   = each.value
  member = "serviceAccount:${google_service_account.mlflow.email}"
}

# Workload Identity: the Kubernetes service accounts `trainer` and `mlflow` in the project's namespace
# act as these two. No key exists that could leak. The pool exists once the cluster does.
resource "google_service_account_iam_member" "trainer" {
  service_account_id = google_service_account.trainer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.workload_pool}[${local.namespace}/trainer]"

  depends_on = [google_container_cluster.main]
}

resource "google_service_account_iam_member" "mlflow" {
  service_account_id = google_service_account.mlflow.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.workload_pool}[${local.namespace}/mlflow]"

  depends_on = [google_container_cluster.main]
}
