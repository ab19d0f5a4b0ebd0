# What starts builds, as whom they run, and what they may do.
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
  engineers     = ["ada@example.com"]
  leads         = ["bob@example.com"]

  cloud_build_repository       = ""
  cloud_build_app_installation = 0
  cloud_build_branch           = "main"
  cloud_build_schedule         = ""

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

override_data {
  target = data.google_project.cloud_build
  values = {
    number = "1234"
  }
}

# Accounts that can be told apart.
override_resource {
  target = google_service_account.cloud_build
  values = {
    id    = "projects/test-project/serviceAccounts/digits-build@test-project.iam.gserviceaccount.com"
    name  = "projects/test-project/serviceAccounts/digits-build@test-project.iam.gserviceaccount.com"
    email = "digits-build@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.cloud_build_review
  values = {
    id    = "projects/test-project/serviceAccounts/digits-review@test-project.iam.gserviceaccount.com"
    email = "digits-review@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.cloud_build_schedule
  values = {
    email = "digits-schedule@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.cloud_build_promote
  values = {
    id    = "projects/test-project/serviceAccounts/digits-promote@test-project.iam.gserviceaccount.com"
    name  = "projects/test-project/serviceAccounts/digits-promote@test-project.iam.gserviceaccount.com"
    email = "digits-promote@test-project.iam.gserviceaccount.com"
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
  target = google_cloudbuildv2_repository.main
  values = {
    id = "projects/test-project/locations/europe-west4/connections/digits/repositories/digits"
  }
}

override_resource {
  target = google_cloudbuild_trigger.train
  values = {
    id = "projects/test-project/locations/europe-west4/triggers/train"
  }
}

run "without_a_repository" {
  command = plan

  assert {
    condition     = length(google_cloudbuildv2_connection.main) + length(google_cloudbuild_trigger.events) + length(google_cloudbuild_trigger.train) == 0
    error_message = "Without a repository nothing may start a build."
  }

  assert {
    condition     = toset([for secret in google_secret_manager_secret.cloud_build : secret.secret_id]) == toset(["digits-cloud-build-api", "digits-cloud-build-github", "digits-cloud-build-read", "digits-cloud-build-webhook"])
    error_message = "The secrets must be there first, so that people can fill them."
  }
}

run "rights" {
  assert {
    condition     = toset([for grant in google_artifact_registry_repository_iam_member.cloud_build : "${grant.repository} ${grant.role} ${grant.member}"]) == toset(["digits roles/artifactregistry.writer serviceAccount:digits-build@test-project.iam.gserviceaccount.com", "digits-python roles/artifactregistry.writer serviceAccount:digits-build@test-project.iam.gserviceaccount.com"])
    error_message = "Builds push images and packages, to this project's registries."
  }

  assert {
    condition     = toset([for grant in google_project_iam_member.cloud_build_logs : "${grant.role} ${grant.member}"]) == toset(["roles/logging.logWriter serviceAccount:digits-build@test-project.iam.gserviceaccount.com", "roles/logging.logWriter serviceAccount:digits-review@test-project.iam.gserviceaccount.com", "roles/logging.logWriter serviceAccount:digits-promote@test-project.iam.gserviceaccount.com"])
    error_message = "Builds, promotions and reviews write logs."
  }

  assert {
    condition     = google_project_iam_member.cloud_build_cluster.member == "serviceAccount:digits-build@test-project.iam.gserviceaccount.com" && google_project_iam_member.cloud_build_cluster.role == "roles/container.clusterViewer"
    error_message = "Builds find the cluster; what they may do in it is said there, for one namespace."
  }

  assert {
    condition     = google_project_iam_member.cloud_build_engineers["ada@example.com"].role == "roles/cloudbuild.builds.editor" && google_service_account_iam_member.cloud_build_engineers["ada@example.com"].service_account_id == google_service_account.cloud_build.name
    error_message = "Engineers see builds and start them, as the account of the builds."
  }

  assert {
    condition     = toset([for service in google_project_service.cloud_build : service.service]) == toset(["cloudbuild.googleapis.com", "cloudscheduler.googleapis.com", "secretmanager.googleapis.com"])
    error_message = "What only builds need is switched on with them."
  }

  assert {
    condition     = google_storage_bucket.cloud_build_docs.public_access_prevention == "enforced" && google_storage_bucket_iam_member.cloud_build_docs_engineers["ada@example.com"].role == "roles/storage.objectViewer"
    error_message = "The documentation is private, and engineers may read it."
  }

  assert {
    condition     = google_service_account_iam_member.cloud_build_schedule.service_account_id == "projects/test-project/serviceAccounts/digits-build@test-project.iam.gserviceaccount.com" && google_service_account_iam_member.cloud_build_schedule.member == "serviceAccount:digits-schedule@test-project.iam.gserviceaccount.com"
    error_message = "The schedule acts as the builds' account, and as no other."
  }

  assert {
    condition     = alltrue([for grant in google_secret_manager_secret_iam_member.cloud_build : grant.member == "serviceAccount:service-1234@gcp-sa-cloudbuild.iam.gserviceaccount.com"])
    error_message = "Only Cloud Build itself may read the tokens."
  }
}

run "gitlab" {
  variables {
    cloud_build_repository = "https://gitlab.example.com/acme/ml/digits.git"
    cloud_build_schedule   = "17 3 * * 1"
  }

  assert {
    condition     = google_cloudbuildv2_connection.main[0].gitlab_config[0].host_uri == "https://gitlab.example.com" && length(google_cloudbuildv2_connection.main[0].github_config) == 0
    error_message = "The connection is to the server of the repository."
  }

  assert {
    condition = { for key, trigger in google_cloudbuild_trigger.events : key => trigger.service_account } == {
      push   = "projects/test-project/serviceAccounts/digits-build@test-project.iam.gserviceaccount.com"
      review = "projects/test-project/serviceAccounts/digits-review@test-project.iam.gserviceaccount.com"
      tag    = "projects/test-project/serviceAccounts/digits-build@test-project.iam.gserviceaccount.com"
    }
    error_message = "Reviews must not run as the account that pushes images."
  }

  assert {
    condition     = google_cloudbuild_trigger.events["push"].repository_event_config[0].push[0].branch == "^main$" && google_cloudbuild_trigger.events["tag"].repository_event_config[0].push[0].tag == "^v[0-9].*$"
    error_message = "Builds start at the default branch, and at tags of versions."
  }

  assert {
    condition     = google_cloudbuild_trigger.events["review"].repository_event_config[0].pull_request[0].comment_control == "COMMENTS_ENABLED_FOR_EXTERNAL_CONTRIBUTORS_ONLY"
    error_message = "What a stranger proposes must wait for somebody of the project."
  }

  assert {
    condition     = google_cloudbuild_trigger.train[0].git_file_source[0].repository == google_cloudbuildv2_repository.main[0].id && google_cloudbuild_trigger.train[0].source_to_build[0].repository == google_cloudbuildv2_repository.main[0].id
    error_message = "Training is built from this repository."
  }

  assert {
    condition     = google_cloud_scheduler_job.cloud_build_train[0].schedule == "17 3 * * 1" && google_cloud_scheduler_job.cloud_build_train[0].http_target[0].uri == "https://cloudbuild.googleapis.com/v1/projects/test-project/locations/europe-west4/triggers/train:run"
    error_message = "The schedule starts training."
  }
}

run "promotions" {
  variables {
    cloud_build_repository = "https://gitlab.example.com/acme/ml/digits.git"
  }

  assert {
    condition     = alltrue([for trigger in google_cloudbuild_trigger.promote : trigger.service_account == google_service_account.cloud_build_promote[0].id && trigger.approval_config[0].approval_required])
    error_message = "A promotion waits for somebody, and acts as an account that no push has."
  }

  assert {
    condition     = length(google_project_iam_member.cloud_build_promote) == 0
    error_message = "Here it administers nothing."
  }

  assert {
    condition     = toset([for grant in google_service_account_iam_member.cloud_build_promote : "${grant.service_account_id} ${grant.member}"]) == toset(["projects/test-project/serviceAccounts/digits-promote@test-project.iam.gserviceaccount.com user:bob@example.com"])
    error_message = "Only leads act as it: whoever may needs no approval."
  }
}

run "github" {
  variables {
    cloud_build_repository       = "https://github.com/acme/digits.git"
    cloud_build_app_installation = 4711
    cloud_build_branch           = "release-1.0"
  }

  assert {
    condition     = google_cloudbuild_trigger.events["push"].repository_event_config[0].push[0].branch == "^release-1\\.0$" && google_cloudbuild_trigger.events["review"].repository_event_config[0].pull_request[0].branch == "^release-1\\.0$"
    error_message = "No other branch may start these builds."
  }

  assert {
    condition     = google_cloudbuildv2_connection.main[0].github_config[0].app_installation_id == 4711 && length(google_cloudbuildv2_connection.main[0].gitlab_config) == 0
    error_message = "The connection is that of the installed app."
  }

  assert {
    condition     = keys(google_secret_manager_secret.cloud_build) == ["github"]
    error_message = "GitHub needs one token."
  }

  assert {
    condition     = length(google_cloud_scheduler_job.cloud_build_train) == 0
    error_message = "Without a schedule training starts by hand only."
  }
}

run "a_project_that_is_called_as_github" {
  command = plan

  variables {
    cloud_build_repository = "https://gitlab.com/acme/github.com.git"
  }

  assert {
    condition     = length(google_cloudbuildv2_connection.main[0].gitlab_config) == 1
    error_message = "The host says where the repository is, not its name."
  }
}

run "an_address_that_is_none" {
  command = plan

  variables {
    cloud_build_repository = "git@github.com:acme/digits.git"
  }

  expect_failures = [var.cloud_build_repository]
}
