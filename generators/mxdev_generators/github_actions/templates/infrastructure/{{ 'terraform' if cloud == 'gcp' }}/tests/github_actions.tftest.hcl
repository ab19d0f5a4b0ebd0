# Who gets in from GitHub, and what for.
# Runs offline and makes nothing: `terraform test`.

mock_provider "google" {
  source = "./tests/mocks"
}

# These win over terraform.tfvars: the tests do not depend on the answers of one project.
variables {
  project_id        = "test-project"
  region            = "europe-west4"
  zone              = ""
  name              = "digits"
  bucket_prefix     = "test-project-digits"
  accelerator       = "none"
  engineers         = []
  github_repository = "4711"
  github_branch     = "main"

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

override_resource {
  target = google_service_account.github
  values = {
    name  = "projects/test-project/serviceAccounts/digits-github@test-project.iam.gserviceaccount.com"
    email = "digits-github@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_artifact_registry_repository.images
  values = {
    name = "digits"
  }
}

override_resource {
  target = google_artifact_registry_repository.python
  values = {
    name = "digits-python"
  }
}

override_resource {
  target = google_iam_workload_identity_pool.github
  values = {
    name = "projects/1234/locations/global/workloadIdentityPools/github"
  }
}

run "only_this_repository" {
  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository_id == '4711' && assertion.ref_protected == 'true' && (assertion.ref == 'refs/heads/main' || assertion.ref.startsWith('refs/tags/v'))"
    error_message = "Only the protected default branch and protected tags of this repository may get in."
  }

  assert {
    condition     = google_service_account_iam_member.github.member == "principalSet://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/github/attribute.repository_id/4711" && google_service_account_iam_member.github.role == "roles/iam.workloadIdentityUser"
    error_message = "Only jobs of this repository may act as the account."
  }

  assert {
    condition     = google_service_account_iam_member.github.service_account_id == "projects/test-project/serviceAccounts/digits-github@test-project.iam.gserviceaccount.com"
    error_message = "Jobs act as the account that was made for them."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.github.oidc[0].issuer_uri == "https://token.actions.githubusercontent.com"
    error_message = "Only tokens of GitHub count."
  }
}

run "rights" {
  assert {
    condition     = toset([for grant in google_artifact_registry_repository_iam_member.github : "${grant.repository} ${grant.role}"]) == toset(["digits roles/artifactregistry.writer", "digits-python roles/artifactregistry.writer"])
    error_message = "Jobs push images and packages, to this project's registries."
  }

  assert {
    condition     = google_project_iam_member.github.role == "roles/container.clusterViewer"
    error_message = "Jobs find the cluster; what they may do in it is said there, for one namespace."
  }

  assert {
    condition     = alltrue([for grant in concat([google_project_iam_member.github], values(google_artifact_registry_repository_iam_member.github)) : grant.member == "serviceAccount:digits-github@test-project.iam.gserviceaccount.com"])
    error_message = "Rights go to the account of the jobs."
  }
}

run "a_name_is_no_number" {
  command = plan

  variables {
    github_repository = "acme/churn"
  }

  expect_failures = [var.github_repository]
}
