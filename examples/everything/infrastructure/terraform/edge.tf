# The way in: a fixed address, one certificate for all names below the project's part of the domain, and their records.
# An app that comes later needs none of them anew. infrastructure/kubernetes/edge/ has the gateway that uses them.

locals {
  edge_domain = "${var.name}.ml.example.com"
  # Names such as the load balancer's may have 63 characters.
  edge_name = "${var.name}-edge"
  edge_zone = google_dns_managed_zone.edge.name
}

variable "edge_logins" {
  description = "Whom Identity-Aware Proxy logs in: user:ADDRESS, domain:NAME. Which app each of them may open, the gateway's policies say."
  type        = set(string)
  default = [
    "domain:client.example",
    "user:ada@example.com",
  ]

  validation {
    condition     = alltrue([for who in var.edge_logins : can(regex("^(user:[^@:[:space:]]+@|domain:)[^@:[:space:]]+[.][^@:[:space:]]+$", who))])
    error_message = "edge_logins must be user:ADDRESS or domain:NAME each; everybody (allUsers) is not for Identity-Aware Proxy."
  }
}

resource "google_project_service" "edge" {
  for_each = toset(["certificatemanager.googleapis.com", "dns.googleapis.com", "iap.googleapis.com"])

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

resource "google_compute_global_address" "edge" {
  name = local.edge_name

  depends_on = [google_project_service.main]
}

# The project's part of the domain. It answers once its NS records stand in the zone above: output edge_dns.
resource "google_dns_managed_zone" "edge" {
  name        = local.edge_name
  dns_name    = "${local.edge_domain}."
  description = "What ${var.name} is reached by"
  labels      = local.labels

  dnssec_config {
    state = "on"

    default_key_specs {
      algorithm  = "ecdsap256sha256"
      key_length = 256
      key_type   = "keySigning"
    }

    default_key_specs {
      algorithm  = "ecdsap256sha256"
      key_length = 256
      key_type   = "zoneSigning"
    }
  }

  depends_on = [google_project_service.edge]
}

# One proof covers the name and all names below it; it works before the address does.
resource "google_certificate_manager_dns_authorization" "edge" {
  name        = local.edge_name
  description = "That ${local.edge_domain} is ours"
  domain      = local.edge_domain
  labels      = local.labels

  depends_on = [google_project_service.edge]
}

resource "google_certificate_manager_certificate" "edge" {
  name        = local.edge_name
  description = "All names below ${local.edge_domain}"
  labels      = local.labels

  managed {
    domains            = [local.edge_domain, "*.${local.edge_domain}"]
    dns_authorizations = [google_certificate_manager_dns_authorization.edge.id]
  }
}

# The load balancer takes it by the annotation networking.gke.io/certmap.
resource "google_certificate_manager_certificate_map" "edge" {
  name        = local.edge_name
  description = "The certificate of ${local.edge_domain}"
  labels      = local.labels

  depends_on = [google_project_service.edge]
}

resource "google_certificate_manager_certificate_map_entry" "edge" {
  name         = local.edge_name
  map          = google_certificate_manager_certificate_map.edge.name
  certificates = [google_certificate_manager_certificate.edge.id]
  hostname     = "*.${local.edge_domain}"
  labels       = local.labels
}

resource "google_dns_record_set" "edge" {
  managed_zone = local.edge_zone
  name         = "*.${local.edge_domain}."
  type         = "A"
  ttl          = 300
  rrdatas      = [google_compute_global_address.edge.address]
}

# In the zone that answers for the name: elsewhere Google would look for it in vain.
resource "google_dns_record_set" "edge_proof" {
  managed_zone = local.edge_zone
  name         = google_certificate_manager_dns_authorization.edge.dns_resource_record[0].name
  type         = google_certificate_manager_dns_authorization.edge.dns_resource_record[0].type
  ttl          = 300
  rrdatas      = [google_certificate_manager_dns_authorization.edge.dns_resource_record[0].data]
}

# To be logged in is all that this right gives.
resource "google_iap_web_iam_member" "edge" {
  for_each = var.edge_logins

  project = var.project_id
  role    = "roles/iap.httpsResourceAccessor"
  member  = each.value

  depends_on = [google_project_service.edge]
}

output "edge_address" {
  description = "The address of all names of the project."
  value       = google_compute_global_address.edge.address
}

output "edge_dns" {
  description = "What somebody has to enter in the zone above: who answers for the project's part of the domain."
  value       = [for server in google_dns_managed_zone.edge.name_servers : "${local.edge_domain}. NS ${server}"]
}
