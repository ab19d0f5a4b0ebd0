# The address, the certificate for all names, the records, and who may log in.
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
  edge_logins   = ["user:ada@example.com", "domain:client.example"]

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

override_resource {
  target = google_compute_global_address.edge
  values = {
    address = "203.0.113.7"
  }
}

override_resource {
  target = google_certificate_manager_certificate.edge
  values = {
    id = "projects/test-project/locations/global/certificates/digits-edge"
  }
}

override_resource {
  target = google_dns_managed_zone.edge
  values = {
    name_servers = ["ns-1.example.", "ns-2.example."]
  }
}

run "one_certificate_for_all_names" {
  assert {
    condition     = toset(google_certificate_manager_certificate.edge.managed[0].domains) == toset(["digits.ml.example.com", "*.digits.ml.example.com"])
    error_message = "The certificate covers the project's part of the domain and all names below it."
  }

  assert {
    condition     = google_certificate_manager_certificate.edge.managed[0].dns_authorizations == tolist(["projects/test-project/locations/global/dnsAuthorizations/digits-edge"])
    error_message = "It is proved by a record, so that it comes before the address answers."
  }

  assert {
    condition     = google_certificate_manager_certificate_map_entry.edge.hostname == "*.digits.ml.example.com" && google_certificate_manager_certificate_map_entry.edge.certificates == tolist(["projects/test-project/locations/global/certificates/digits-edge"])
    error_message = "The map leads all names to the certificate."
  }

  assert {
    condition     = google_certificate_manager_certificate_map.edge.name == "digits-edge" && google_compute_global_address.edge.name == "digits-edge"
    error_message = "The gateway names the map and the address so."
  }
}

run "records" {
  assert {
    condition     = google_dns_record_set.edge.name == "*.digits.ml.example.com." && google_dns_record_set.edge.type == "A" && google_dns_record_set.edge.rrdatas == tolist(["203.0.113.7"])
    error_message = "All names lead to the address."
  }

  assert {
    condition     = google_dns_record_set.edge_proof.name == "_acme-challenge.digits.ml.example.com." && google_dns_record_set.edge_proof.type == "CNAME" && google_dns_record_set.edge_proof.rrdatas == tolist(["4711.authorize.certificatemanager.goog."])
    error_message = "The proof is entered as Google asks for it."
  }

  assert {
    condition     = google_dns_record_set.edge.managed_zone == "digits-edge" && google_dns_record_set.edge_proof.managed_zone == "digits-edge"
    error_message = "Both stand in the zone that answers."
  }
}

run "what_a_person_enters" {
  assert {
    condition     = join("; ", output.edge_dns) == "digits.ml.example.com. NS ns-1.example.; digits.ml.example.com. NS ns-2.example."
    error_message = "The NS records are printed as they are entered."
  }
}

run "logins" {
  assert {
    condition     = toset([for grant in google_iap_web_iam_member.edge : "${grant.role} ${grant.member}"]) == toset(["roles/iap.httpsResourceAccessor user:ada@example.com", "roles/iap.httpsResourceAccessor domain:client.example"])
    error_message = "Those of the audiences may log in, and get no other right."
  }
}

run "nobody_unnamed_logs_in" {
  command = plan

  variables {
    edge_logins = ["allUsers"]
  }

  expect_failures = [var.edge_logins]
}
