# Which zones have which GPU, as Google and public listings said in 2026-02. gpu_nodes.zones overrides it;
#   gcloud compute accelerator-types list --filter="zone~REGION"
# says what is true today.

locals {
  known_gpu_zones = {
    nvidia-t4 = [
      "asia-northeast1-a",
      "asia-northeast1-c",
      "asia-northeast3-b",
      "asia-northeast3-c",
      "asia-south1-a",
      "asia-south1-b",
      "asia-southeast1-b",
      "asia-southeast1-c",
      "europe-west1-b",
      "europe-west2-a",
      "europe-west2-b",
      "europe-west4-b",
      "europe-west4-c",
      "southamerica-east1-c",
      "us-central1-a",
      "us-central1-b",
      "us-central1-c",
      "us-central1-f",
      "us-east1-c",
      "us-east1-d",
      "us-east4-a",
      "us-east4-b",
      "us-east4-c",
      "us-west1-a",
      "us-west1-b",
      "us-west2-b",
      "us-west2-c",
      "us-west4-a",
      "us-west4-b",
    ]

    nvidia-l4 = [
      "asia-east1-a",
      "asia-east1-b",
      "asia-east1-c",
      "asia-northeast1-a",
      "asia-northeast1-b",
      "asia-northeast1-c",
      "asia-northeast3-a",
      "asia-northeast3-b",
      "asia-south1-a",
      "asia-south1-b",
      "asia-south1-c",
      "asia-southeast1-a",
      "asia-southeast1-b",
      "asia-southeast1-c",
      "europe-west1-b",
      "europe-west1-c",
      "europe-west2-a",
      "europe-west2-b",
      "europe-west3-a",
      "europe-west3-b",
      "europe-west4-a",
      "europe-west4-b",
      "europe-west4-c",
      "europe-west6-b",
      "europe-west6-c",
      "me-central2-a",
      "me-central2-c",
      "northamerica-northeast2-a",
      "northamerica-northeast2-b",
      "us-central1-a",
      "us-central1-b",
      "us-central1-c",
      "us-central1-f",
      "us-east1-b",
      "us-east1-c",
      "us-east4-a",
      "us-east4-c",
      "us-west1-a",
      "us-west1-b",
      "us-west1-c",
      "us-west4-a",
      "us-west4-c",
    ]

    nvidia-a100 = [
      "asia-northeast1-a",
      "asia-northeast1-c",
      "asia-southeast1-b",
      "asia-southeast1-c",
      "europe-west4-a",
      "europe-west4-b",
      "me-west1-a",
      "me-west1-c",
      "us-central1-a",
      "us-central1-b",
      "us-central1-c",
      "us-central1-f",
      "us-east1-b",
      "us-west1-b",
      "us-west3-b",
      "us-west4-b",
    ]
  }

  # Those in this region.
  region_gpu_zones = [
    for zone in lookup(local.known_gpu_zones, var.accelerator, []) : zone if startswith(zone, "${var.region}-")
  ]

  # Where the cluster is in one zone that has the GPU, there; a GPU node in another one would pay for its traffic.
  default_gpu_zones = contains(local.region_gpu_zones, var.zone) ? [var.zone] : local.region_gpu_zones
}
