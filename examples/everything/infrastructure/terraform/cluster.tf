# A private cluster: nodes have no public address, and the control plane is reached by a DNS name at
# which Google's IAM checks every caller. That works from anywhere, with no VPN and no bastion:
#   gcloud container clusters get-credentials NAME --location LOCATION --dns-endpoint

resource "google_container_cluster" "main" {
  #checkov:skip=CKV_GCP_12:ADVANCED_DATAPATH enforces network policies itself; the setting would turn on Calico, which excludes it
  #checkov:skip=CKV_GCP_61:flow logs within a node are billed by volume and nobody here reads them; see flow_logs for those between nodes
  #checkov:skip=CKV_GCP_65:groups of a Workspace domain are no precondition; engineers.tf grants access by name
  #checkov:skip=CKV_GCP_66:no attestor exists yet, so a policy would let everything through
  name                = var.name
  location            = local.location
  deletion_protection = var.deletion_protection
  resource_labels     = local.labels

  network               = google_compute_network.main.id
  subnetwork            = google_compute_subnetwork.nodes.id
  networking_mode       = "VPC_NATIVE"
  datapath_provider     = "ADVANCED_DATAPATH"
  enable_shielded_nodes = true

  ip_allocation_policy {
    cluster_secondary_range_name  = local.pods_range
    services_secondary_range_name = local.services_range
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = length(var.authorized_networks) == 0
  }

  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }

    ip_endpoints_config {
      enabled = length(var.authorized_networks) > 0
    }
  }

  # Only where there is an IP address to reach: Google forgets this block otherwise, and Terraform would
  # want it back at every plan.
  dynamic "master_authorized_networks_config" {
    for_each = length(var.authorized_networks) > 0 ? [var.authorized_networks] : []

    content {
      dynamic "cidr_blocks" {
        for_each = master_authorized_networks_config.value

        content {
          display_name = cidr_blocks.key
          cidr_block   = cidr_blocks.value
        }
      }
    }
  }

  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }

  release_channel {
    channel = var.release_channel
  }

  # The kinds of Gateway API, which cost nothing until something uses them.
  gateway_api_config {
    channel = "CHANNEL_STANDARD"
  }

  # An upgrade replaces every node and ends what runs there: once a week, and never during an exclusion.
  maintenance_policy {
    recurring_window {
      start_time = var.maintenance_window.start
      end_time   = var.maintenance_window.end
      recurrence = var.maintenance_window.recurrence
    }

    dynamic "maintenance_exclusion" {
      for_each = var.maintenance_exclusions

      content {
        exclusion_name = maintenance_exclusion.key
        start_time     = maintenance_exclusion.value.start
        end_time       = maintenance_exclusion.value.end

        # Security fixes of the control plane still come; nodes stay as they are.
        exclusion_options {
          scope = "NO_MINOR_OR_NODE_UPGRADES"
        }
      }
    }
  }

  # How busy the GPUs are, where Google installs the driver: it measures with a part of it.
  monitoring_config {
    enable_components = local.gpu_metrics ? ["SYSTEM_COMPONENTS", "DCGM"] : ["SYSTEM_COMPONENTS"]

    managed_prometheus {
      enabled = local.gpu_metrics
    }
  }

  # Pods get the Google identity of their Kubernetes service account, never the node's.
  workload_identity_config {
    workload_pool = local.workload_pool
  }

  node_pool_defaults {
    node_config_defaults {
      insecure_kubelet_readonly_port_enabled = "FALSE"
    }
  }

  # Google makes a cluster with a first pool. It is removed at once; the real ones are in node_pools.tf.
  remove_default_node_pool = true
  initial_node_count       = 1

  node_config {
    disk_type       = "pd-standard"
    disk_size_gb    = 50
    service_account = google_service_account.nodes.email

    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }

  lifecycle {
    # It described the removed pool; a difference would make a new cluster.
    ignore_changes = [node_config]
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.nodes,
    google_project_iam_member.nodes,
  ]
}
