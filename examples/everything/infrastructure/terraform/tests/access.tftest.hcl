# Who may do what: service accounts, Workload Identity, engineers.
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

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

# Three accounts that can be told apart.
override_resource {
  target = google_service_account.nodes
  values = {
    name  = "projects/test-project/serviceAccounts/digits-nodes@test-project.iam.gserviceaccount.com"
    email = "digits-nodes@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.trainer
  values = {
    name  = "projects/test-project/serviceAccounts/digits-trainer@test-project.iam.gserviceaccount.com"
    email = "digits-trainer@test-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.mlflow
  values = {
    name  = "projects/test-project/serviceAccounts/digits-mlflow@test-project.iam.gserviceaccount.com"
    email = "digits-mlflow@test-project.iam.gserviceaccount.com"
  }
}

run "service_accounts" {
  assert {
    condition     = google_service_account.nodes.account_id == "digits-nodes" && google_service_account.trainer.account_id == "digits-trainer" && google_service_account.mlflow.account_id == "digits-mlflow"
    error_message = "Each account must have the id that was given for it."
  }

  assert {
    condition     = google_project_iam_member.nodes.role == "roles/container.defaultNodeServiceAccount" && google_project_iam_member.nodes.member == "serviceAccount:digits-nodes@test-project.iam.gserviceaccount.com"
    error_message = "Nodes need the role of nodes, and no more of the project."
  }

  assert {
    condition     = google_artifact_registry_repository_iam_member.nodes.role == "roles/artifactregistry.reader" && google_artifact_registry_repository_iam_member.nodes.member == "serviceAccount:digits-nodes@test-project.iam.gserviceaccount.com"
    error_message = "Nodes must be able to pull images."
  }

  assert {
    condition = alltrue([
      for pool in google_container_node_pool.cpu :
      pool.node_config[0].service_account == "digits-nodes@test-project.iam.gserviceaccount.com"
    ])
    error_message = "Nodes must not run as the project's default account."
  }

  assert {
    condition     = google_storage_bucket_iam_member.trainer_data.role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.trainer_data.bucket == "test-project-digits-data"
    error_message = "Training must read the data, and not change it."
  }

  assert {
    condition     = google_storage_bucket_iam_member.trainer_artifacts.role == "roles/storage.objectUser" && google_storage_bucket_iam_member.trainer_artifacts.bucket == "test-project-digits-artifacts"
    error_message = "Training must write artifacts."
  }

  assert {
    condition     = google_storage_bucket_iam_member.mlflow_artifacts.role == "roles/storage.objectUser" && google_storage_bucket_iam_member.mlflow_artifacts.bucket == "test-project-digits-artifacts"
    error_message = "MLflow must write artifacts."
  }

  assert {
    condition     = google_storage_bucket_iam_member.mlflow_artifacts.member == "serviceAccount:digits-mlflow@test-project.iam.gserviceaccount.com" && google_storage_bucket_iam_member.trainer_artifacts.member == "serviceAccount:digits-trainer@test-project.iam.gserviceaccount.com" && google_storage_bucket_iam_member.trainer_data.member == "serviceAccount:digits-trainer@test-project.iam.gserviceaccount.com"
    error_message = "Rights must go to the account that they are for."
  }

  assert {
    condition     = output.service_accounts.mlflow == "digits-mlflow@test-project.iam.gserviceaccount.com" && output.service_accounts.trainer == "digits-trainer@test-project.iam.gserviceaccount.com"
    error_message = "The outputs must not mix the accounts up."
  }
}

run "workload_identity" {
  assert {
    condition     = google_service_account_iam_member.trainer.role == "roles/iam.workloadIdentityUser" && google_service_account_iam_member.mlflow.role == "roles/iam.workloadIdentityUser"
    error_message = "Pods act as a service account through Workload Identity only."
  }

  assert {
    condition     = google_service_account_iam_member.trainer.member == "serviceAccount:test-project.svc.id.goog[digits/trainer]" && google_service_account_iam_member.trainer.service_account_id == "projects/test-project/serviceAccounts/digits-trainer@test-project.iam.gserviceaccount.com"
    error_message = "The Kubernetes service account `trainer` must act as the trainer's account."
  }

  assert {
    condition     = google_service_account_iam_member.mlflow.member == "serviceAccount:test-project.svc.id.goog[digits/mlflow]" && google_service_account_iam_member.mlflow.service_account_id == "projects/test-project/serviceAccounts/digits-mlflow@test-project.iam.gserviceaccount.com"
    error_message = "The Kubernetes service account `mlflow` must act as MLflow's account."
  }
}

run "nobody_without_a_name" {
  command = plan

  assert {
    condition     = length(google_project_iam_member.engineers) + length(google_storage_bucket_iam_member.engineers) + length(google_artifact_registry_repository_iam_member.engineers) == 0
    error_message = "Without named engineers nobody may get rights."
  }
}

run "engineers" {
  command = plan

  variables {
    engineers = ["ada@example.com", "Bob.Smith@Example.org"]
  }

  assert {
    condition = toset([
      for grant in google_project_iam_member.engineers : grant.role if grant.member == "user:ada@example.com"
    ]) == toset(["roles/container.developer", "roles/logging.viewer", "roles/monitoring.viewer"])
    error_message = "An engineer may deploy and look, and nothing more, on the project."
  }

  assert {
    condition     = toset([for grant in google_project_iam_member.engineers : grant.member]) == toset(["user:ada@example.com", "user:bob.smith@example.org"])
    error_message = "Every named engineer gets the roles; addresses are in lower case, as Google answers."
  }

  assert {
    condition = {
      for grant in google_storage_bucket_iam_member.engineers : grant.bucket => grant.role if grant.member == "user:bob.smith@example.org"
      } == {
      "test-project-digits-artifacts" = "roles/storage.objectViewer"
      "test-project-digits-data"      = "roles/storage.objectUser"
    }
    error_message = "An engineer may change data, and look at artifacts."
  }

  assert {
    condition     = length(google_artifact_registry_repository_iam_member.engineers) == 4 && alltrue([for grant in google_artifact_registry_repository_iam_member.engineers : grant.role == "roles/artifactregistry.writer"])
    error_message = "Every engineer may push to both registries."
  }
}

run "the_same_person_twice" {
  command = plan

  variables {
    engineers = ["ada@example.com", "Ada@Example.com"]
  }

  assert {
    condition     = length(google_project_iam_member.engineers) == 3
    error_message = "An address that differs in case only is the same person."
  }
}
