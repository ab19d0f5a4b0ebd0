# Who can reach the cluster, when it changes, and what services it needs.
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
  gpu_driver    = "google"
  engineers     = []
  leads         = []

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

run "private" {
  command = plan

  assert {
    condition     = google_container_cluster.main.private_cluster_config[0].enable_private_nodes && google_container_cluster.main.private_cluster_config[0].enable_private_endpoint
    error_message = "Neither nodes nor the control plane may have a public address."
  }

  assert {
    condition     = !google_container_cluster.main.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled && length(google_container_cluster.main.master_authorized_networks_config) == 0
    error_message = "Without authorized networks the control plane must not be reached by IP address."
  }

  assert {
    condition     = google_container_cluster.main.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic
    error_message = "An engineer must be able to reach the control plane by its DNS name."
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
    condition     = google_container_cluster.main.control_plane_endpoints_config[0].ip_endpoints_config[0].enabled && !google_container_cluster.main.private_cluster_config[0].enable_private_endpoint
    error_message = "An authorized network outside needs a public address to reach."
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

run "upgrades" {
  command = plan

  variables {
    maintenance_exclusions = {
      foundation-model = { start = "2026-03-01T00:00:00Z", end = "2026-03-15T00:00:00Z" }
    }
  }

  assert {
    condition     = strcontains(google_container_cluster.main.maintenance_policy[0].recurring_window[0].recurrence, "WEEKLY") && length(google_container_cluster.main.maintenance_policy[0].daily_maintenance_window) == 0
    error_message = "A daily window would end a training every night."
  }

  # Google wants 48 hours within any 32 days, in which there are four Sundays at least.
  assert {
    condition = 4 * sum([
      for hours in range(1, 13) : 1
      if timecmp(timeadd(google_container_cluster.main.maintenance_policy[0].recurring_window[0].start_time, "${hours}h"), google_container_cluster.main.maintenance_policy[0].recurring_window[0].end_time) <= 0
    ]) >= 48
    error_message = "The window is too short for Google."
  }

  assert {
    condition = {
      for exclusion in google_container_cluster.main.maintenance_policy[0].maintenance_exclusion :
      exclusion.exclusion_name => "${exclusion.start_time} ${exclusion.end_time} ${exclusion.exclusion_options[0].scope}"
    } == { foundation-model = "2026-03-01T00:00:00Z 2026-03-15T00:00:00Z NO_MINOR_OR_NODE_UPGRADES" }
    error_message = "During an exclusion no node may be replaced."
  }
}

run "services" {
  command = plan

  assert {
    condition     = alltrue([for service in google_project_service.main : !service.disable_on_destroy])
    error_message = "Destroying this project must not switch off services that others use."
  }

  # What makes each kind of resource, and image streaming.
  assert {
    condition     = length(setsubtract(["artifactregistry", "compute", "container", "containerfilesystem", "iam", "iamcredentials", "storage"], [for service in google_project_service.main : trimsuffix(service.service, ".googleapis.com")])) == 0
    error_message = "A service that the project needs is not switched on."
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
