# The environment staging runs the very images that everything has built: nothing is built again on the way to it.

resource "google_artifact_registry_repository_iam_member" "staging_images" {
  count = var.name == "everything-staging" ? 1 : 0

  project    = "everything"
  location   = "europe-west4"
  repository = "everything"
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${google_service_account.nodes.email}"
}
