# What Google would answer when it is asked to prove whose the domain is.

mock_resource "google_certificate_manager_dns_authorization" {
  defaults = {
    id = "projects/test-project/locations/global/dnsAuthorizations/digits-edge"
    dns_resource_record = [{
      name = "_acme-challenge.digits.ml.example.com."
      type = "CNAME"
      data = "4711.authorize.certificatemanager.goog."
    }]
  }
}
