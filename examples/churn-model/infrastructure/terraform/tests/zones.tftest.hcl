# Where nodes are, and how many there may be: GPUs are asked for where Google has them.
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

run "the_cluster_s_own_zone_if_it_has_the_gpu" {
  command = plan

  variables {
    zone        = "europe-west4-b"
    accelerator = "nvidia-l4"
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_locations == toset(["europe-west4-b"])
    error_message = "A GPU node in another zone than the cluster pays for its traffic."
  }

  assert {
    condition     = toset([google_container_cluster.main.location, google_container_node_pool.gpu[0].location, google_container_node_pool.cpu["system"].location]) == toset(["europe-west4-b"])
    error_message = "A cluster in one zone has its pools there."
  }

  assert {
    condition     = google_compute_subnetwork.nodes.region == "europe-west4" && google_storage_bucket.main["data"].location == "europe-west4"
    error_message = "Networks, buckets and registries are regional."
  }

  assert {
    condition     = strcontains(output.get_credentials, "--location europe-west4-b ")
    error_message = "The printed command must name the zone."
  }
}

run "elsewhere_in_the_region_if_it_has_not" {
  command = plan

  variables {
    zone        = "europe-west4-c"
    accelerator = "nvidia-a100"
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_locations == toset(["europe-west4-a", "europe-west4-b"])
    error_message = "europe-west4-c has no A100."
  }
}

run "of_a_regional_cluster_the_zones_that_have_it" {
  command = plan

  variables {
    region      = "us-east4"
    accelerator = "nvidia-l4"
  }

  assert {
    condition     = google_container_cluster.main.location == "us-east4" && google_container_node_pool.gpu[0].node_locations == toset(["us-east4-a", "us-east4-c"])
    error_message = "us-east4-b has no L4: a pool over all zones could not be made."
  }
}

run "a_region_without_the_gpu" {
  command = plan

  variables {
    region      = "europe-north1"
    accelerator = "nvidia-a100"
  }

  expect_failures = [var.gpu_nodes]
}

run "whoever_knows_better_names_the_zones" {
  command = plan

  variables {
    region      = "europe-north1"
    accelerator = "nvidia-a100"
    gpu_nodes   = { zones = ["europe-north1-b"] }
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_locations == toset(["europe-north1-b"])
    error_message = "The named zones win over the table."
  }
}

run "all_known_zones_are_zones" {
  command = plan

  assert {
    condition     = alltrue([for zone in flatten(values(local.known_gpu_zones)) : can(regex("^[a-z]+-[a-z]+[0-9]+-[a-f]$", zone))])
    error_message = "The table must name zones."
  }

  assert {
    condition     = alltrue([for zones in values(local.known_gpu_zones) : length(zones) == length(distinct(zones)) && length(zones) > 5])
    error_message = "The table must name each zone once."
  }

  assert {
    condition     = toset(keys(local.known_gpu_zones)) == toset(keys(local.gpus))
    error_message = "Every accelerator must have its zones."
  }

  assert {
    condition     = length(google_container_node_pool.gpu) == 0
    error_message = "Without an accelerator there must be no GPU pool."
  }
}

run "nodes_for_a_distributed_job" {
  command = plan

  variables {
    accelerator           = "nvidia-l4"
    distributed_gpu_nodes = 5
    gpu_nodes             = { max = 3 }
  }

  assert {
    condition     = google_container_node_pool.gpu[0].autoscaling[0].total_max_node_count == 5
    error_message = "A job of five pods waits for ever where only three nodes may be."
  }
}

run "nobody_pays_for_idle_nodes" {
  command = plan

  variables {
    zone                  = "europe-west4-b"
    accelerator           = "nvidia-t4"
    cpu_nodes             = { max = 9, spot = true }
    gpu_nodes             = { max = 7, spot = true }
    distributed_gpu_nodes = 3
  }

  assert {
    condition     = [for pool in [google_container_node_pool.cpu["cpu"], google_container_node_pool.gpu[0]] : pool.autoscaling[0].total_min_node_count] == [0, 0]
    error_message = "Nodes for work must go when there is none."
  }

  assert {
    condition     = [for pool in [google_container_node_pool.cpu["cpu"], google_container_node_pool.gpu[0]] : pool.autoscaling[0].total_max_node_count] == [9, 7]
    error_message = "The limits must hold, and those of a distributed job must not lower them."
  }

  assert {
    condition     = google_container_node_pool.cpu["system"].autoscaling[0].total_min_node_count == 1 && !google_container_node_pool.cpu["system"].node_config[0].spot
    error_message = "MLflow needs a node that stays."
  }
}

run "one_owner_of_the_driver" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
    gpu_driver  = "daemonset"
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].guest_accelerator[0].gpu_driver_installation_config[0].gpu_driver_version == "INSTALLATION_DISABLED"
    error_message = "The deployment cuda-drivers installs the driver; the node pool must not."
  }

  assert {
    condition     = !contains(google_container_cluster.main.monitoring_config[0].enable_components, "DCGM")
    error_message = "Google measures GPUs only where it installed the driver."
  }
}
