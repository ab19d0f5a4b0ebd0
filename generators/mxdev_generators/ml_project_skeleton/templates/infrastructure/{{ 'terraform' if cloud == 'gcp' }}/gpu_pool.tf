# Nodes with one GPU each, none while nothing asks for a GPU. There is no such pool without an accelerator.

locals {
  # All pods of a distributed job run at the same time, each on a node of its own.
  max_gpu_nodes = max(var.gpu_nodes.max, var.distributed_gpu_nodes)
}

resource "google_container_node_pool" "gpu" {
  count = var.accelerator == "none" ? 0 : 1

  name               = "gpu"
  cluster            = google_container_cluster.main.id
  location           = local.location
  node_locations     = length(var.gpu_nodes.zones) > 0 ? var.gpu_nodes.zones : local.default_gpu_zones
  initial_node_count = 0

  autoscaling {
    total_min_node_count = 0
    total_max_node_count = local.max_gpu_nodes
    location_policy      = "ANY" # where there is a GPU to be had
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  # An upgrade replaces one node after the other: a spare node would need a spare GPU in the quota.
  upgrade_settings {
    max_surge       = 0
    max_unavailable = 1
  }

  node_config {
    machine_type    = coalesce(var.gpu_nodes.machine_type, local.gpus[var.accelerator].machine_type)
    spot            = var.gpu_nodes.spot
    image_type      = "COS_CONTAINERD"
    disk_type       = "pd-balanced"
    disk_size_gb    = 200
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = local.labels

    guest_accelerator {
      type  = local.gpus[var.accelerator].type
      count = 1

      # The driver has one owner: GKE, or the DaemonSet of the deployment `cuda-drivers` in devspace.yaml. PyTorch's
      # CUDA 13 needs a driver of series 580 or newer, which is not the default of every version of GKE.
      gpu_driver_installation_config {
        gpu_driver_version = var.gpu_driver == "google" ? "LATEST" : "INSTALLATION_DISABLED"
      }
    }

    # Only pods that ask for a GPU run here. GKE adds the same taint; here it does not depend on the
    # order in which pools are made.
    taint {
      key    = "nvidia.com/gpu"
      value  = "present"
      effect = "NO_SCHEDULE"
    }

    # A container starts before the whole image is there.
    gcfs_config {
      enabled = true
    }

    # Trainers on several nodes exchange gradients as fast as the machine can.
    gvnic {
      enabled = true
    }

    metadata = {
      disable-legacy-endpoints = "true"
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    # The driver is signed by Google, whoever installs it, so secure boot can stay on.
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }

  lifecycle {
    # The autoscaler changes the number of nodes; a difference would make a new pool.
    ignore_changes = [initial_node_count]
  }
}
