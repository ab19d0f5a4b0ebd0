# Nodes without a GPU. "system" always has a node, for Kubernetes' own pods and for MLflow; "cpu" is
# for work, and has none while there is none. The nodes with a GPU are in gpu_pool.tf.

locals {
  cpu_pools = {
    system = {
      machine_type = var.system_nodes.machine_type
      disk_gb      = 50
      min          = 1
      max          = var.system_nodes.max
      spot         = false
    }
    cpu = {
      machine_type = var.cpu_nodes.machine_type
      disk_gb      = 100
      min          = 0
      max          = var.cpu_nodes.max
      spot         = var.cpu_nodes.spot
    }
  }
}

resource "google_container_node_pool" "cpu" {
  for_each = local.cpu_pools

  name               = each.key
  cluster            = google_container_cluster.main.id
  location           = local.location
  initial_node_count = each.value.min

  # Of all zones together, unlike min_node_count and max_node_count, which are of each zone.
  autoscaling {
    total_min_node_count = each.value.min
    total_max_node_count = each.value.max
    location_policy      = each.value.spot ? "ANY" : "BALANCED"
  }

  management {
    auto_repair  = true
    auto_upgrade = true
  }

  node_config {
    machine_type    = each.value.machine_type
    spot            = each.value.spot
    image_type      = "COS_CONTAINERD"
    disk_type       = "pd-balanced"
    disk_size_gb    = each.value.disk_gb
    service_account = google_service_account.nodes.email
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    resource_labels = local.labels

    # A container starts before the whole image is there.
    gcfs_config {
      enabled = true
    }

    metadata = {
      disable-legacy-endpoints = "true"
    }

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

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
