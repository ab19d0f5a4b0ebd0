# What Google would answer, in the form in which it would: the provider checks the form of ids.

mock_resource "google_compute_network" {
  defaults = {
    id        = "projects/test-project/global/networks/digits"
    self_link = "https://www.googleapis.com/compute/v1/projects/test-project/global/networks/digits"
  }
}

mock_resource "google_compute_subnetwork" {
  defaults = {
    id        = "projects/test-project/regions/europe-west4/subnetworks/digits-nodes"
    self_link = "https://www.googleapis.com/compute/v1/projects/test-project/regions/europe-west4/subnetworks/digits-nodes"
  }
}

mock_resource "google_compute_router" {
  defaults = {
    id = "projects/test-project/regions/europe-west4/routers/digits-router"
  }
}

mock_resource "google_container_cluster" {
  defaults = {
    id = "projects/test-project/locations/europe-west4/clusters/digits"
  }
}

mock_resource "google_service_account" {
  defaults = {
    id     = "projects/test-project/serviceAccounts/digits-mock@test-project.iam.gserviceaccount.com"
    name   = "projects/test-project/serviceAccounts/digits-mock@test-project.iam.gserviceaccount.com"
    email  = "digits-mock@test-project.iam.gserviceaccount.com"
    member = "serviceAccount:digits-mock@test-project.iam.gserviceaccount.com"
  }
}

mock_resource "google_sql_database_instance" {
  defaults = {
    connection_name = "test-project:europe-west4:digits"
  }
}
