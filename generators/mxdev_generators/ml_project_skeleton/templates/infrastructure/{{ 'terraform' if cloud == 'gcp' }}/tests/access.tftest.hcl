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
  gpu_driver    = "google"
  engineers     = []
  leads         = []

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

# All that each service account may do: a right that is added must be added here.
run "service_accounts" {
  assert {
    condition = toset([
      for grant in concat([google_project_iam_member.nodes], values(google_project_iam_member.leads), values(google_project_iam_member.engineers)) : "${grant.member} ${grant.role}"
    ]) == toset(["serviceAccount:digits-nodes@test-project.iam.gserviceaccount.com roles/container.defaultNodeServiceAccount"])
    error_message = "On the whole project, nodes have the role of nodes, and nobody has any other."
  }

  assert {
    condition = toset([
      for grant in concat([google_storage_bucket_iam_member.trainer_data, google_storage_bucket_iam_member.mlflow_artifacts], values(google_storage_bucket_iam_member.mlflow_backups)) : "${split("@", grant.member)[0]} ${grant.role} ${grant.bucket}"
      ]) == toset([
      "serviceAccount:digits-trainer roles/storage.objectViewer test-project-digits-data",
      "serviceAccount:digits-mlflow roles/storage.objectUser test-project-digits-artifacts",
      "serviceAccount:digits-mlflow roles/storage.objectCreator test-project-digits-backups",
      "serviceAccount:digits-mlflow roles/storage.objectViewer test-project-digits-backups",
    ])
    error_message = "Training reads data and reaches no model; MLflow keeps models, and adds dumps that it cannot delete."
  }

  assert {
    condition     = "${google_artifact_registry_repository_iam_member.nodes.role} ${google_artifact_registry_repository_iam_member.nodes.member}" == "roles/artifactregistry.reader serviceAccount:digits-nodes@test-project.iam.gserviceaccount.com"
    error_message = "Nodes pull images, and push none."
  }

  assert {
    condition     = toset([for pool in google_container_node_pool.cpu : pool.node_config[0].service_account]) == toset(["digits-nodes@test-project.iam.gserviceaccount.com"])
    error_message = "Nodes must not run as the project's default account."
  }

  assert {
    condition     = toset([for pool in google_container_node_pool.cpu : pool.node_config[0].workload_metadata_config[0].mode]) == toset(["GKE_METADATA"])
    error_message = "Pods must not get the identity of their node."
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

run "people" {
  command = plan

  variables {
    engineers = ["ada@example.com", "Ada@Example.com", "Bob.Smith@Example.org"]
    leads     = ["Bob.Smith@example.org"]
  }

  assert {
    condition = {
      for person in ["ada@example.com", "bob.smith@example.org"] : person => toset([
        for grant in concat(values(google_project_iam_member.engineers), values(google_project_iam_member.leads)) : grant.role if grant.member == "user:${person}"
      ])
      } == {
      "ada@example.com"       = toset(["roles/container.developer", "roles/logging.viewer", "roles/monitoring.viewer"])
      "bob.smith@example.org" = toset(["roles/container.admin", "roles/container.developer", "roles/logging.viewer", "roles/monitoring.viewer"])
    }
    error_message = "Engineers deploy and look; only leads install operators and say what CI may do."
  }

  assert {
    condition     = length(google_project_iam_member.engineers) == 6
    error_message = "An address that differs in case only is the same person."
  }

  assert {
    condition = {
      for grant in google_storage_bucket_iam_member.engineers : grant.bucket => grant.role if grant.member == "user:ada@example.com"
      } == {
      "test-project-digits-artifacts" = "roles/storage.objectViewer"
      "test-project-digits-backups"   = "roles/storage.objectViewer"
      "test-project-digits-data"      = "roles/storage.objectUser"
    }
    error_message = "Engineers may change data, and look at artifacts and dumps."
  }

  assert {
    condition     = length(google_artifact_registry_repository_iam_member.engineers) == 4 && alltrue([for grant in google_artifact_registry_repository_iam_member.engineers : grant.role == "roles/artifactregistry.writer"])
    error_message = "Every engineer may push to both registries."
  }
}
