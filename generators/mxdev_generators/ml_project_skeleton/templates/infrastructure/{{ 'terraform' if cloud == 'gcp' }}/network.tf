# A network of its own. Nodes have no public address: they reach the internet through Cloud NAT and
# Google's services through Private Google Access.

resource "google_compute_network" "main" {
  #checkov:skip=CKV2_GCP_18:nothing may come in but what GKE's own rules allow; a network made here has no default rules
  name                    = var.name
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"

  depends_on = [google_project_service.main]
}

resource "google_compute_subnetwork" "nodes" {
  #checkov:skip=CKV_GCP_26:flow logs are billed by volume, so they are for whoever reads them; flow_logs turns them on
  name                     = "${var.name}-nodes"
  region                   = var.region
  network                  = google_compute_network.main.id
  ip_cidr_range            = var.network_ranges.nodes
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = local.pods_range
    ip_cidr_range = var.network_ranges.pods
  }

  secondary_ip_range {
    range_name    = local.services_range
    ip_cidr_range = var.network_ranges.services
  }

  # A tenth of the connections is enough to see who talks to whom, at a tenth of the price.
  dynamic "log_config" {
    for_each = var.flow_logs ? [0.1] : []

    content {
      aggregation_interval = "INTERVAL_10_MIN"
      flow_sampling        = log_config.value
      metadata             = "INCLUDE_ALL_METADATA"
    }
  }
}

resource "google_compute_router" "main" {
  name    = "${var.name}-router"
  region  = var.region
  network = google_compute_network.main.id
}

resource "google_compute_router_nat" "main" {
  name                               = "${var.name}-nat"
  region                             = var.region
  router                             = google_compute_router.main.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}
