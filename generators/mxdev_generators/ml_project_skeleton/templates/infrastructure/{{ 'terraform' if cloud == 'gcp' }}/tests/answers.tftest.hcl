# The answers in terraform.tfvars: accepted by every variable, and used where they belong.
# Runs offline and makes nothing: `terraform test`.

mock_provider "google" {
  source = "./tests/mocks"
}

run "answers" {
  command = plan

  assert {
    condition     = output.cluster_name == var.name && output.namespace == var.name
    error_message = "The cluster and the namespace have the name of the project."
  }

  assert {
    condition     = output.cluster_location == (var.zone == "" ? var.region : var.zone)
    error_message = "The cluster is in the zone, or in the region without one."
  }

  assert {
    condition     = length(google_container_node_pool.gpu) == (var.accelerator == "none" ? 0 : 1)
    error_message = "There is a GPU pool exactly if there is an accelerator."
  }

  assert {
    condition     = toset([for grant in google_project_iam_member.engineers : grant.member]) == toset([for email in setunion(var.engineers, var.leads) : "user:${lower(email)}"])
    error_message = "Exactly the named engineers have rights."
  }

  assert {
    condition     = output.data_bucket == "${var.bucket_prefix}-data" && output.artifacts_bucket == "${var.bucket_prefix}-artifacts"
    error_message = "The buckets are named after the prefix."
  }
}
