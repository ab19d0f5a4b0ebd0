# Who gets in from GitLab, and what for.
# Runs offline and makes nothing: `terraform test`.

mock_provider "google" {
  source = "./tests/mocks"
}

# These win over terraform.tfvars: the tests do not depend on the answers of one project.
variables {
  project_id     = "test-project"
  region         = "europe-west4"
  zone           = ""
  name           = "digits"
  bucket_prefix  = "test-project-digits"
  accelerator    = "none"
  engineers      = []
  gitlab_project = "4711"

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

override_resource {
  target = google_service_account.gitlab
  values = {
    name  = "projects/test-project/serviceAccounts/digits-gitlab@test-project.iam.gserviceaccount.com"
    email = "digits-gitlab@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_artifact_registry_repository.images
  values = {
    name = "digits"
  }
}

override_resource {
  target = google_iam_workload_identity_pool.gitlab
  values = {
    name = "projects/1234/locations/global/workloadIdentityPools/gitlab"
  }
}

run "only_this_project" {
  assert {
    condition     = google_iam_workload_identity_pool_provider.gitlab.attribute_condition == "assertion.project_id == '4711' && assertion.ref_protected == 'true'"
    error_message = "Only protected branches and tags of this project may get in."
  }

  assert {
    condition     = google_service_account_iam_member.gitlab.member == "principalSet://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/gitlab/attribute.project_id/4711" && google_service_account_iam_member.gitlab.role == "roles/iam.workloadIdentityUser"
    error_message = "Only jobs of this project may act as the account."
  }

  assert {
    condition     = google_service_account_iam_member.gitlab.service_account_id == "projects/test-project/serviceAccounts/digits-gitlab@test-project.iam.gserviceaccount.com"
    error_message = "Jobs act as the account that was made for them."
  }

  assert {
    condition     = google_iam_workload_identity_pool_provider.gitlab.oidc[0].issuer_uri == "https://gitlab.com"
    error_message = "Only tokens of this server count."
  }
}

run "rights" {
  assert {
    condition     = google_artifact_registry_repository_iam_member.gitlab.role == "roles/artifactregistry.writer" && google_artifact_registry_repository_iam_member.gitlab.repository == "digits"
    error_message = "Jobs push images, to this project's registry."
  }

  assert {
    condition     = google_project_iam_member.gitlab.role == "roles/container.clusterViewer"
    error_message = "Jobs find the cluster; what they may do in it is said there, for one namespace."
  }

  assert {
    condition     = alltrue([for grant in [google_project_iam_member.gitlab, google_artifact_registry_repository_iam_member.gitlab] : grant.member == "serviceAccount:digits-gitlab@test-project.iam.gserviceaccount.com"])
    error_message = "Rights go to the account of the jobs."
  }
}

run "a_name_is_no_number" {
  command = plan

  variables {
    gitlab_project = "acme/churn"
  }

  expect_failures = [var.gitlab_project]
}
