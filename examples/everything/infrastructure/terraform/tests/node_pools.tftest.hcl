# Which nodes there are, how many, and who installs the GPU driver (not they).
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

run "without_accelerator" {
  command = plan

  assert {
    condition     = length(google_container_node_pool.gpu) == 0
    error_message = "Without an accelerator there must be no GPU pool."
  }

  assert {
    condition     = google_container_node_pool.cpu["cpu"].autoscaling[0].total_min_node_count == 0
    error_message = "The CPU pool must scale down to nothing."
  }

  assert {
    condition     = google_container_node_pool.cpu["cpu"].autoscaling[0].total_max_node_count == 4
    error_message = "The CPU pool must stop at its limit."
  }

  assert {
    condition     = google_container_node_pool.cpu["system"].autoscaling[0].total_min_node_count == 1
    error_message = "Kubernetes' own pods need a node."
  }

  assert {
    condition = alltrue([
      for pool in google_container_node_pool.cpu :
      pool.node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"
    ])
    error_message = "Pods must not get the identity of their node."
  }

  assert {
    condition = alltrue([
      for pool in google_container_node_pool.cpu :
      pool.node_config[0].shielded_instance_config[0].enable_secure_boot && pool.management[0].auto_repair && pool.management[0].auto_upgrade
    ])
    error_message = "Nodes must boot securely, be repaired and be upgraded."
  }
}

run "limits" {
  command = plan

  variables {
    cpu_nodes    = { max = 9, spot = true, machine_type = "n2-standard-16" }
    system_nodes = { max = 5 }
  }

  assert {
    condition     = google_container_node_pool.cpu["cpu"].autoscaling[0].total_max_node_count == 9
    error_message = "cpu_nodes.max must limit the CPU pool."
  }

  assert {
    condition     = google_container_node_pool.cpu["cpu"].node_config[0].spot && google_container_node_pool.cpu["cpu"].node_config[0].machine_type == "n2-standard-16"
    error_message = "cpu_nodes must choose the machines of the CPU pool."
  }

  assert {
    condition     = !google_container_node_pool.cpu["system"].node_config[0].spot
    error_message = "The system pool must not vanish."
  }

  assert {
    condition     = google_container_node_pool.cpu["system"].autoscaling[0].total_max_node_count == 5
    error_message = "system_nodes.max must limit the system pool."
  }
}

run "l4" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].guest_accelerator[0].type == "nvidia-l4"
    error_message = "The pool must have the GPU that was asked for."
  }

  assert {
    condition     = startswith(google_container_node_pool.gpu[0].node_config[0].machine_type, "g2-standard-")
    error_message = "An L4 needs a G2 machine."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].autoscaling[0].total_min_node_count == 0 && google_container_node_pool.gpu[0].initial_node_count == 0
    error_message = "GPU nodes cost money: none without work."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].autoscaling[0].total_max_node_count == 2
    error_message = "The GPU pool must stop at its limit."
  }

  assert {
    condition = [
      for taint in google_container_node_pool.gpu[0].node_config[0].taint : "${taint.key}=${taint.value}:${taint.effect}"
    ] == ["nvidia.com/gpu=present:NO_SCHEDULE"]
    error_message = "Only pods that ask for a GPU may run on GPU nodes."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].workload_metadata_config[0].mode == "GKE_METADATA"
    error_message = "Pods must not get the identity of their node."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].guest_accelerator[0].gpu_driver_installation_config[0].gpu_driver_version == "INSTALLATION_DISABLED"
    error_message = "The deployment `cuda-drivers` installs the driver; the node pool must not."
  }
}

run "t4" {
  command = plan

  variables {
    accelerator = "nvidia-t4"
    gpu_nodes   = { max = 7, spot = true, zones = ["europe-west4-b", "europe-west4-c"] }
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].guest_accelerator[0].type == "nvidia-tesla-t4"
    error_message = "Google's name of a T4 is nvidia-tesla-t4."
  }

  assert {
    condition     = startswith(google_container_node_pool.gpu[0].node_config[0].machine_type, "n1-standard-")
    error_message = "A T4 needs an N1 machine."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].autoscaling[0].total_max_node_count == 7 && google_container_node_pool.gpu[0].node_config[0].spot
    error_message = "gpu_nodes must set the limit and the kind of the GPU nodes."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_locations == toset(["europe-west4-b", "europe-west4-c"])
    error_message = "GPU nodes must be in the zones that were named."
  }
}

run "a100" {
  command = plan

  variables {
    accelerator = "nvidia-a100"
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].guest_accelerator[0].type == "nvidia-tesla-a100"
    error_message = "Google's name of an A100 with 40 GB is nvidia-tesla-a100."
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].machine_type == "a2-highgpu-1g"
    error_message = "An A100 needs an A2 machine."
  }
}

run "machine_of_ones_own" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
    gpu_nodes   = { machine_type = "g2-standard-16" }
  }

  assert {
    condition     = google_container_node_pool.gpu[0].node_config[0].machine_type == "g2-standard-16"
    error_message = "A machine that fits must be taken."
  }
}
