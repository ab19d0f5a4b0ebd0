# The endpoint scores writes requests and answers down: it may add files to the bucket, and neither read nor delete any.
# Its pods are a Kubernetes service account, which needs no account of Google's own to be let in.
data "google_project" "served_scores" {
  project_id = var.project_id
}

resource "google_storage_bucket_iam_member" "served_scores" {
  bucket = google_storage_bucket.main["data"].name
  role   = "roles/storage.objectCreator"
  member = "principal://iam.googleapis.com/projects/${data.google_project.served_scores.number}/locations/global/workloadIdentityPools/${local.workload_pool}/subject/ns/${local.namespace}/sa/scores"

  # The pool exists once the cluster does.
  depends_on = [google_container_cluster.main]
}
