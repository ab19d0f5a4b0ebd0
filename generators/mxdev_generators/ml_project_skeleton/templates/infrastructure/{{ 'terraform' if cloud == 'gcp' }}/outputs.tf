output "project_id" {
  description = "The Google Cloud project."
  value       = var.project_id
}

output "region" {
  description = "The region of the buckets and registries."
  value       = var.region
}

output "namespace" {
  description = "The Kubernetes namespace whose service accounts `trainer` and `mlflow` have Google identities."
  value       = local.namespace
}

output "cluster_name" {
  description = "The name of the cluster."
  value       = google_container_cluster.main.name
}

output "cluster_location" {
  description = "The zone or the region of the cluster."
  value       = google_container_cluster.main.location
}

output "get_credentials" {
  description = "The command that connects kubectl and devspace to the cluster."
  value       = "gcloud container clusters get-credentials ${var.name} --location ${local.location} --project ${var.project_id} --dns-endpoint"
}

output "workload_pool" {
  description = "The Workload Identity pool of the cluster."
  value       = local.workload_pool
}

output "network" {
  description = "The id of the network."
  value       = google_compute_network.main.id
}

output "subnetwork" {
  description = "The id of the nodes' subnetwork."
  value       = google_compute_subnetwork.nodes.id
}

output "artifacts_bucket" {
  description = "The bucket of MLflow's artifacts."
  value       = google_storage_bucket.main["artifacts"].name
}

output "backups_bucket" {
  description = "The bucket of the dumps of MLflow's database."
  value       = google_storage_bucket.main["backups"].name
}

output "data_bucket" {
  description = "The bucket of the data."
  value       = google_storage_bucket.main["data"].name
}

output "image_registry" {
  description = "What the names of container images begin with."
  value       = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
}

output "python_index" {
  description = "The package index; append simple/ for pip, take it as it is for twine."
  value       = "https://${var.region}-python.pkg.dev/${var.project_id}/${google_artifact_registry_repository.python.repository_id}/"
}

output "service_accounts" {
  description = "The e-mail addresses of the service accounts."
  value = {
    nodes   = google_service_account.nodes.email
    trainer = google_service_account.trainer.email
    mlflow  = google_service_account.mlflow.email
  }
}
