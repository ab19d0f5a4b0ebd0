# Wrong values are refused before anything is planned, each by its own variable.
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

run "project_id" {
  command = plan

  variables {
    project_id = "Test_Project"
  }

  expect_failures = [var.project_id]
}

run "region" {
  command = plan

  variables {
    region = "europe-west4-a"
  }

  expect_failures = [var.region]
}

run "zone_elsewhere" {
  command = plan

  variables {
    zone = "us-central1-a"
  }

  expect_failures = [var.zone]
}

run "name_too_long" {
  command = plan

  variables {
    name = "a-cluster-has-at-most-forty-characters-xy"
  }

  expect_failures = [var.name]
}

run "name_of_forty_characters" {
  command = plan

  variables {
    name = "a-cluster-has-at-most-forty-characters-x"
  }

  assert {
    condition     = length(google_container_cluster.main.name) == 40
    error_message = "Forty characters are allowed."
  }
}

run "bucket_prefix" {
  command = plan

  variables {
    bucket_prefix = "ends-with-a-dash-"
  }

  expect_failures = [var.bucket_prefix]
}

run "service_account_too_long" {
  command = plan

  variables {
    service_accounts = { nodes = "digits-nodes", trainer = "an-id-has-at-most-30-characters", mlflow = "digits-mlflow" }
  }

  expect_failures = [var.service_accounts]
}

run "service_account_shared" {
  command = plan

  variables {
    service_accounts = { nodes = "digits-nodes", trainer = "digits-mlflow", mlflow = "digits-mlflow" }
  }

  expect_failures = [var.service_accounts]
}

run "engineer_with_a_prefix" {
  command = plan

  variables {
    engineers = ["group:everybody@example.com"]
  }

  expect_failures = [var.engineers]
}

run "engineer_without_domain" {
  command = plan

  variables {
    engineers = ["allUsers"]
  }

  expect_failures = [var.engineers]
}

run "noncurrent_days" {
  command = plan

  variables {
    noncurrent_days = 0
  }

  expect_failures = [var.noncurrent_days]
}

run "accelerator" {
  command = plan

  variables {
    accelerator = "nvidia-h100"
  }

  expect_failures = [var.accelerator]
}

run "machine_for_another_gpu" {
  command = plan

  variables {
    accelerator = "nvidia-t4"
    gpu_nodes   = { machine_type = "g2-standard-8" }
  }

  expect_failures = [var.gpu_nodes]
}

run "machine_with_two_gpus" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
    gpu_nodes   = { machine_type = "g2-standard-24" }
  }

  expect_failures = [var.gpu_nodes]
}

run "gpu_zone_elsewhere" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
    gpu_nodes   = { zones = ["us-central1-a"] }
  }

  expect_failures = [var.gpu_nodes]
}

run "no_gpu_nodes" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
    gpu_nodes   = { max = 0 }
  }

  expect_failures = [var.gpu_nodes]
}

run "no_cpu_nodes" {
  command = plan

  variables {
    cpu_nodes = { max = 0 }
  }

  expect_failures = [var.cpu_nodes]
}

run "too_few_system_nodes" {
  command = plan

  variables {
    system_nodes = { max = 2 }
  }

  expect_failures = [var.system_nodes]
}

run "release_channel" {
  command = plan

  variables {
    release_channel = "UNSPECIFIED"
  }

  expect_failures = [var.release_channel]
}

run "network_ranges" {
  command = plan

  variables {
    network_ranges = { pods = "10.20.0.0" }
  }

  expect_failures = [var.network_ranges]
}

run "the_whole_internet" {
  command = plan

  variables {
    authorized_networks = { everybody = "0.0.0.0/0" }
  }

  expect_failures = [var.authorized_networks]
}
