# What the other files share.

locals {
  # Where the cluster is: Google calls both a zone and a region a location.
  location = var.zone == "" ? var.region : var.zone

  # The Kubernetes namespace of the project, and the pool of Google identities of its service accounts.
  namespace     = var.name
  workload_pool = "${var.project_id}.svc.id.goog"

  pods_range     = "${var.name}-pods"
  services_range = "${var.name}-services"

  gpu_metrics = var.accelerator != "none" && var.gpu_driver == "google"

  labels = {
    project    = var.name
    managed-by = "terraform"
  }

  # Google's names of the GPUs, the machine that is taken, and the machines that have exactly one.
  gpus = {
    nvidia-t4 = {
      type         = "nvidia-tesla-t4"
      machine_type = "n1-standard-8"
      fits         = "^n1-standard-(4|8|16|32)$"
    }
    nvidia-l4 = {
      type         = "nvidia-l4"
      machine_type = "g2-standard-8"
      fits         = "^g2-standard-(4|8|12|16|32)$"
    }
    nvidia-a100 = {
      type         = "nvidia-tesla-a100"
      machine_type = "a2-highgpu-1g"
      fits         = "^a2-highgpu-1g$"
    }
  }
}
