# The pool of GPU nodes that may be taken away.
# Runs offline and makes nothing: `terraform test`.

mock_provider "google" {
  source = "./tests/mocks"
}

# These win over terraform.tfvars: the tests do not depend on the answers of one project.
variables {
  project_id            = "test-project"
  region                = "europe-west4"
  zone                  = ""
  name                  = "digits"
  bucket_prefix         = "test-project-digits"
  accelerator           = "nvidia-l4"
  distributed_gpu_nodes = 5
  engineers             = []

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

run "spot_nodes_for_distributed_jobs_alone" {
  command = plan

  assert {
    condition     = google_container_node_pool.spot[0].node_config[0].spot
    error_message = "The nodes must be spot nodes."
  }

  assert {
    condition     = google_container_node_pool.spot[0].autoscaling[0].total_max_node_count == 5
    error_message = "The pool must have a node for each pod of a distributed job."
  }

  assert {
    condition     = contains(google_container_node_pool.spot[0].node_config[0].taint[*].key, "cloud.google.com/gke-spot")
    error_message = "A pod that may not be taken away must not get there."
  }

  assert {
    condition     = google_container_node_pool.spot[0].node_locations == google_container_node_pool.gpu[0].node_locations
    error_message = "The pool must be where the GPUs are."
  }
}

run "none_without_gpus" {
  command = plan

  variables {
    accelerator = "none"
  }

  assert {
    condition     = length(google_container_node_pool.spot) == 0
    error_message = "Without an accelerator there is nothing to be had for less."
  }
}
