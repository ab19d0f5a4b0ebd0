# Where the cluster is, who can reach it, and what protects it.
# Runs offline and makes nothing: `terraform test`.

mock_provider "google" {
  source = "./tests/mocks"
}

# These win over terraform.tfvars: the tests do not depend on the answers of one project.
variables {
  project_id    = "test-project"
  region        = "europe-west4"
  zone          = ""
  name          = "digits"
  bucket_prefix = "test-project-digits"
  accelerator   = "none"
  engineers     = []

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

run "regional_by_default" {
  command = plan

  assert {
    condition     = google_container_cluster.main.location == "europe-west4"
    error_message = "Without a zone the cluster must be regional."
  }

  assert {
    condition     = alltrue([for pool in google_container_node_pool.cpu : pool.location == "europe-west4"])
    error_message = "Node pools must be where their cluster is."
  }

  assert {
    condition     = google_compute_subnetwork.nodes.region == "europe-west4"
    error_message = "The subnetwork must be in the region."
  }

  assert {
    condition     = google_container_cluster.main.deletion_protection
    error_message = "The cluster must be protected unless somebody says otherwise."
  }

  assert {
    condition     = alltrue([for service in google_project_service.main : !service.disable_on_destroy])
    error_message = "Destroying this project must not switch off services that others use."
  }

  assert {
    condition = length(setsubtract(
      ["artifactregistry", "cloudbuild", "compute", "container", "dataflow", "iam", "storage"],
      [for service in google_project_service.main : trimsuffix(service.service, ".googleapis.com")],
    )) == 0
    error_message = "A service that the project needs is not switched on."
  }
}

run "zonal" {
  command = plan

  variables {
    zone         = "europe-west4-b"
    accelerator  = "nvidia-l4"
    system_nodes = { max = 1 }
  }

  assert {
    condition     = google_container_cluster.main.location == "europe-west4-b"
    error_message = "With a zone the cluster must be in it."
  }

  assert {
    condition     = alltrue([for pool in google_container_node_pool.cpu : pool.location == "europe-west4-b"])
    error_message = "Node pools must be where their cluster is."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].location == "europe-west4-b"
    error_message = "The GPU pool must be where its cluster is."
  }

  assert {
    condition     = google_storage_bucket.main["data"].location == "europe-west4"
    error_message = "Buckets and registries stay regional."
  }

  assert {
    condition     = google_compute_subnetwork.nodes.region == "europe-west4"
    error_message = "The subnetwork must be in the region of the zone."
  }

  assert {
    condition     = strcontains(output.get_credentials, "--location europe-west4-b ")
    error_message = "The printed command must name the zone."
  }
}

run "private_and_hardened" {
  command = plan

  assert {
    condition     = google_container_cluster.main.private_cluster_config[0].enable_private_nodes
    error_message = "Nodes must have no public address."
  }

  assert {
    condition     = google_container_cluster.main.private_cluster_config[0].enable_private_endpoint
    error_message = "The control plane must have no public address."
  }

  assert {
    condition     = !google_container_cluster.main.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled
    error_message = "Without authorized networks the control plane must not be reached by IP address."
  }

  assert {
    condition     = google_container_cluster.main.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic
    error_message = "An engineer must be able to reach the control plane by its DNS name."
  }

  assert {
    condition     = length(google_container_cluster.main.master_authorized_networks_config) == 0
    error_message = "No network is authorized by default."
  }

  assert {
    condition     = google_compute_router_nat.main.source_subnetwork_ip_ranges_to_nat == "ALL_SUBNETWORKS_ALL_IP_RANGES"
    error_message = "Nodes without public addresses need Cloud NAT to reach the internet."
  }

  assert {
    condition     = google_compute_subnetwork.nodes.private_ip_google_access
    error_message = "Nodes must reach Google's services without the internet."
  }

  assert {
    condition     = google_container_cluster.main.workload_identity_config[0].workload_pool == "test-project.svc.id.goog"
    error_message = "Workload Identity must be on."
  }

  assert {
    condition     = google_container_cluster.main.enable_shielded_nodes
    error_message = "Nodes must be shielded."
  }

  assert {
    condition     = google_container_cluster.main.release_channel[0].channel == "REGULAR"
    error_message = "The cluster must follow a release channel."
  }

  assert {
    condition     = google_container_cluster.main.remove_default_node_pool
    error_message = "The first pool, which nobody configured, must go."
  }

  assert {
    condition     = !google_container_cluster.main.master_auth[0].client_certificate_config[0].issue_client_certificate
    error_message = "Client certificates cannot be revoked and must not be issued."
  }
}

run "authorized_networks" {
  command = plan

  variables {
    authorized_networks = { office = "203.0.113.0/24" }
  }

  assert {
    condition     = one(google_container_cluster.main.master_authorized_networks_config[0].cidr_blocks).cidr_block == "203.0.113.0/24"
    error_message = "The named network, and no other, must be authorized."
  }

  assert {
    condition     = google_container_cluster.main.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled
    error_message = "An authorized network needs an IP address to reach."
  }

  assert {
    condition     = !google_container_cluster.main.private_cluster_config[0].enable_private_endpoint
    error_message = "An authorized network outside needs the public address."
  }
}

run "ranges_of_pods_and_services" {
  command = plan

  variables {
    network_ranges = { pods = "10.96.0.0/14" }
  }

  assert {
    condition = {
      for range in google_compute_subnetwork.nodes.secondary_ip_range : range.range_name => range.ip_cidr_range
      } == {
      (google_container_cluster.main.ip_allocation_policy[0].cluster_secondary_range_name)  = "10.96.0.0/14"
      (google_container_cluster.main.ip_allocation_policy[0].services_secondary_range_name) = "10.30.0.0/20"
    }
    error_message = "The cluster must use the ranges that the subnetwork has."
  }
}

run "deletion" {
  command = plan

  variables {
    deletion_protection = false
  }

  assert {
    condition     = !google_container_cluster.main.deletion_protection
    error_message = "It must be possible to switch the protection off."
  }
}
