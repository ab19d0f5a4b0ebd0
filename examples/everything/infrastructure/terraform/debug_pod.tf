# The debug pod reads what training jobs read: its Kubernetes service account acts as theirs.
resource "google_service_account_iam_member" "debug_pod" {
  service_account_id = google_service_account.trainer.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${local.workload_pool}[${local.namespace}/debug]"

  depends_on = [google_container_cluster.main]
}
