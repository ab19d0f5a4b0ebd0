# Wrong values are refused before anything is planned. A run lists every variable that must refuse:
# it fails when one of them does not, and when another one does.
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

run "names" {
  command = plan

  variables {
    project_id       = "Test_Project"
    name             = "a-cluster-has-at-most-forty-characters-xy"
    bucket_prefix    = "ends-with-a-dash-"
    service_accounts = { nodes = "digits-nodes", trainer = "an-id-has-at-most-30-characters", mlflow = "digits-mlflow" }
    engineers        = ["ada@example.com", "group:everybody@example.com"]
    leads            = ["ada"]
  }

  expect_failures = [
    var.project_id,
    var.name,
    var.bucket_prefix,
    var.service_accounts,
    var.engineers,
    var.leads,
  ]
}

run "names_at_their_longest" {
  command = plan

  variables {
    project_id       = "a-project-of-thirty-characters"
    name             = "a-cluster-has-at-most-forty-characters-x"
    bucket_prefix    = "a-prefix-leaves-ten-characters-for-a-bucket-of-artifa"
    service_accounts = { nodes = "an-id-has-at-most-30-character", trainer = "sixsix", mlflow = "digits-mlflow" }
  }

  assert {
    condition     = alltrue([for bucket in google_storage_bucket.main : length(bucket.name) <= 63])
    error_message = "The name of a bucket has at most 63 characters."
  }

  assert {
    condition     = alltrue([for name in [google_compute_router.main.name, google_compute_subnetwork.nodes.name, local.services_range] : length(name) <= 63])
    error_message = "The name of a part of the network has at most 63 characters."
  }
}

run "places" {
  command = plan

  variables {
    zone        = "us-central1-a"
    accelerator = "nvidia-l4"
    gpu_nodes   = { zones = ["europe-west4-a", "us-central1-a"] }
  }

  expect_failures = [
    var.zone,
    var.gpu_nodes,
  ]
}

run "a_zone_is_no_region" {
  command = plan

  variables {
    region    = "europe-west4-a"
    engineers = ["allUsers"]
    cpu_nodes = { max = 1.5 }
  }

  expect_failures = [
    var.region,
    var.engineers,
    var.cpu_nodes,
  ]
}

run "limits" {
  command = plan

  variables {
    accelerator           = "nvidia-l4"
    noncurrent_days       = 0
    checkpoint_days       = 0
    backup_days           = 1.5
    distributed_gpu_nodes = -1
    system_nodes          = { max = 2 }
    cpu_nodes             = { max = 0 }
    gpu_nodes             = { max = 0 }
    release_channel       = "UNSPECIFIED"
    network_ranges        = { pods = "10.20.0.0" }
    authorized_networks   = { everybody = "0.0.0.0/0" }
  }

  expect_failures = [
    var.noncurrent_days,
    var.checkpoint_days,
    var.backup_days,
    var.distributed_gpu_nodes,
    var.system_nodes,
    var.cpu_nodes,
    var.gpu_nodes,
    var.release_channel,
    var.network_ranges,
    var.authorized_networks,
  ]
}

run "unknown_gpu" {
  command = plan

  variables {
    accelerator      = "nvidia-h100"
    gpu_driver       = "nobody"
    service_accounts = { nodes = "digits-nodes", trainer = "digits-mlflow", mlflow = "digits-mlflow" }
  }

  expect_failures = [
    var.accelerator,
    var.gpu_driver,
    var.service_accounts,
  ]
}

run "machine_of_another_gpu" {
  command = plan

  variables {
    accelerator = "nvidia-t4"
    gpu_nodes   = { machine_type = "g2-standard-8" }
  }

  expect_failures = [var.gpu_nodes]
}

run "machine_with_two_gpus" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
    gpu_nodes   = { machine_type = "g2-standard-24" }
  }

  expect_failures = [var.gpu_nodes]
}

run "times" {
  command = plan

  variables {
    maintenance_window     = { start = "2026-01-04T18:00:00Z", end = "2026-01-04T06:00:00Z" }
    maintenance_exclusions = { march = { start = "2026-03-01", end = "2026-03-02" } }
  }

  expect_failures = [
    var.maintenance_window,
    var.maintenance_exclusions,
  ]
}
