# The same GPU nodes as in gpu_pool.tf, for a fraction of the price: Google may take each of them away at any time. Only distributed jobs
# run here. They go on from the last checkpoint of their run, which lies in the bucket, on whatever nodes come next.
resource "google_container_node_pool" "spot" {
  count = var.accelerator == "none" ? 0 : 1

  name               = "gpu-spot"
  cluster            = google_container_cluster.main.id
  location           = local.location
  node_locations     = google_container_node_pool.gpu[0].node_locations
  initial_node_count = 0

  autoscaling {
    total_min_node_count = 0
    total_max_node_count = var.distributed_gpu_nodes
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
    spot            = true
    image_type      = "COS_CONTAINERD"
    disk_type       = "pd-balanced"
    disk_size_gb    = 200
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = local.labels

    guest_accelerator {
      type  = local.gpus[var.accelerator].type
      count = 1

      # As in gpu_pool.tf.
      gpu_driver_installation_config {
        gpu_driver_version = var.gpu_driver == "google" ? "LATEST" : "INSTALLATION_DISABLED"
      }
    }

    # Only pods that ask for a GPU run here, and of those only the ones that may be taken away.
    taint {
      key    = "nvidia.com/gpu"
      value  = "present"
      effect = "NO_SCHEDULE"
    }

    taint {
      key    = "cloud.google.com/gke-spot"
      value  = "true"
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
