# What can be set. Values are in terraform.tfvars; whatever is not there has its default here.

variable "project_id" {
  description = "The Google Cloud project that everything lives in. It must exist and have billing enabled."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must have 6 to 30 lower-case letters, digits and dashes, begin with a letter and not end with a dash."
  }
}

variable "region" {
  description = "The region of the cluster, the buckets and the registries."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be the name of a Google Cloud region, such as europe-west4."
  }
}

variable "zone" {
  description = "The zone of a cluster in one zone; empty for a regional one, with a node in each of three zones. Changing it makes a new cluster."
  type        = string
  default     = ""

  validation {
    condition     = var.zone == "" || can(regex("^${var.region}-[a-z]$", var.zone))
    error_message = "zone must be empty or a zone of var.region, such as ${var.region}-a."
  }
}

variable "name" {
  description = "The name of the cluster, the network, the registries and the Kubernetes namespace of the project."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,38}[a-z0-9])$", var.name))
    error_message = "name must have 2 to 40 lower-case letters, digits and dashes, begin with a letter and not end with a dash."
  }
}

variable "bucket_prefix" {
  description = "What the names of the buckets begin with. Bucket names are shared by the whole world, so it holds the project id."
  type        = string

  validation {
    # 63 characters are allowed, and "-artifacts" follows.
    condition     = can(regex("^[a-z][a-z0-9-]{2,51}[a-z0-9]$", var.bucket_prefix))
    error_message = "bucket_prefix must have 4 to 53 lower-case letters, digits and dashes, begin with a letter and not end with a dash."
  }
}

variable "service_accounts" {
  description = "The ids of the service accounts of the nodes, of training jobs and of the MLflow server."
  type = object({
    nodes   = string
    trainer = string
    mlflow  = string
  })

  validation {
    condition     = alltrue([for id in values(var.service_accounts) : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", id))])
    error_message = "Each id must have 6 to 30 lower-case letters, digits and dashes, begin with a letter and not end with a dash."
  }

  validation {
    condition     = length(distinct(values(var.service_accounts))) == 3
    error_message = "The three service accounts must differ: each has only the rights that it needs."
  }
}

variable "engineers" {
  description = "The Google accounts of the people who work on the project. engineers.tf says what they may do."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.engineers : can(regex("^[^@:[:space:]]+@[^@:[:space:]]+[.][^@:[:space:]]+$", email))])
    error_message = "engineers must be plain e-mail addresses, such as ada@example.com."
  }
}

variable "leads" {
  description = "The Google accounts of engineers who install operators in the cluster and say what CI may do there. The owner of the cloud project may, too."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.leads : can(regex("^[^@:[:space:]]+@[^@:[:space:]]+[.][^@:[:space:]]+$", email))])
    error_message = "leads must be plain e-mail addresses, such as ada@example.com."
  }
}

variable "immutable_tags" {
  description = "Refuse to push another image under a tag that exists. Google then deletes no tagged image, by cleanup policies neither."
  type        = bool
  default     = true
}

variable "backup_days" {
  description = "For how many days nightly dumps of MLflow's database are kept; those before a migration for a year at least."
  type        = number
  default     = 30

  validation {
    condition     = var.backup_days >= 1 && floor(var.backup_days) == var.backup_days
    error_message = "backup_days must be a whole number of at least 1."
  }
}

variable "checkpoint_days" {
  description = "For how many days after its last checkpoint a run can be resumed."
  type        = number
  default     = 90

  validation {
    condition     = var.checkpoint_days >= 1 && floor(var.checkpoint_days) == var.checkpoint_days
    error_message = "checkpoint_days must be a whole number of at least 1."
  }
}

variable "noncurrent_days" {
  description = "For how many days a bucket keeps an object that was overwritten or deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of at least 1."
  }
}

# The cluster: its nodes, its addresses, and from where it can be reached.

variable "accelerator" {
  description = "The GPU of the GPU nodes: none, nvidia-t4, nvidia-l4 or nvidia-a100 (40 GB)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", "nvidia-t4", "nvidia-l4", "nvidia-a100"], var.accelerator)
    error_message = "accelerator must be none, nvidia-t4, nvidia-l4 or nvidia-a100."
  }
}

variable "system_nodes" {
  description = "The nodes that always run: Kubernetes' own pods and MLflow. At least one, at most `max` in all zones together."
  type = object({
    machine_type = optional(string, "e2-standard-2")
    max          = optional(number, 3)
  })
  default = {}

  validation {
    condition     = var.system_nodes.max >= (var.zone == "" ? 3 : 1) && floor(var.system_nodes.max) == var.system_nodes.max
    error_message = "system_nodes.max must be a whole number, at least 3 in a regional cluster (it starts with one node in each zone) and 1 in a zonal one."
  }
}

variable "cpu_nodes" {
  description = "The nodes for work without a GPU: from none to `max` in all zones together. Spot nodes are cheaper and may be taken away at any time."
  type = object({
    machine_type = optional(string, "e2-standard-8")
    max          = optional(number, 4)
    spot         = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.cpu_nodes.max >= 1 && floor(var.cpu_nodes.max) == var.cpu_nodes.max
    error_message = "cpu_nodes.max must be a whole number of at least 1."
  }
}

variable "gpu_nodes" {
  description = "The nodes with one GPU each: from none to `max` in all zones together. No machine_type: one that fits the accelerator. No zones: those that are known to have the GPU (gpu_zones.tf)."
  type = object({
    machine_type = optional(string)
    max          = optional(number, 2)
    spot         = optional(bool, false)
    zones        = optional(set(string), [])
  })
  default = {}

  validation {
    condition     = var.gpu_nodes.max >= 1 && floor(var.gpu_nodes.max) == var.gpu_nodes.max
    error_message = "gpu_nodes.max must be a whole number of at least 1."
  }

  validation {
    condition     = var.gpu_nodes.machine_type == null || var.accelerator == "none" || can(regex(local.gpus[var.accelerator].fits, var.gpu_nodes.machine_type))
    error_message = "gpu_nodes.machine_type must be a machine for one GPU of var.accelerator: n1-standard-4 to -32 for nvidia-t4, g2-standard-4 to -32 for nvidia-l4, a2-highgpu-1g for nvidia-a100."
  }

  validation {
    condition     = var.accelerator == "none" || length(var.gpu_nodes.zones) > 0 || length(local.region_gpu_zones) > 0
    error_message = "No zone of ${var.region} is known to have ${var.accelerator}. Name the zones in gpu_nodes.zones, as `gcloud compute accelerator-types list --filter=zone~${var.region}` lists them, or choose another region or accelerator."
  }

  validation {
    condition     = alltrue([for zone in var.gpu_nodes.zones : can(regex("^${var.region}-[a-z]$", zone))])
    error_message = "gpu_nodes.zones must be zones of var.region, such as ${var.region}-a."
  }
}

variable "distributed_gpu_nodes" {
  description = "How many GPU nodes a distributed job needs at the same time: the GPU pool may grow to so many at least."
  type        = number
  default     = 0

  validation {
    condition     = var.distributed_gpu_nodes >= 0 && floor(var.distributed_gpu_nodes) == var.distributed_gpu_nodes
    error_message = "distributed_gpu_nodes must be a whole number of at least 0."
  }
}

variable "gpu_driver" {
  description = "Who installs NVIDIA's driver on the GPU nodes: google (GKE itself), or daemonset (the deployment cuda-drivers)."
  type        = string
  default     = "google"

  validation {
    condition     = contains(["google", "daemonset"], var.gpu_driver)
    error_message = "gpu_driver must be google or daemonset."
  }
}

variable "maintenance_window" {
  description = "When Google may upgrade the cluster and its nodes: the first window, and how it recurs (RFC 5545). GKE wants 48 hours within 32 days."
  type = object({
    start      = optional(string, "2026-01-04T06:00:00Z")
    end        = optional(string, "2026-01-04T18:00:00Z")
    recurrence = optional(string, "FREQ=WEEKLY;BYDAY=SU")
  })
  default = {}

  validation {
    condition     = can(timecmp(var.maintenance_window.start, var.maintenance_window.end)) ? timecmp(var.maintenance_window.start, var.maintenance_window.end) < 0 : false
    error_message = "maintenance_window.start and .end must be times such as 2026-01-04T06:00:00Z, the end after the start."
  }

  validation {
    condition     = startswith(var.maintenance_window.recurrence, "FREQ=")
    error_message = "maintenance_window.recurrence must be a rule such as FREQ=WEEKLY;BYDAY=SU."
  }
}

variable "maintenance_exclusions" {
  description = "Times without upgrades of nodes, such as a week of training, from a name to its start and end (RFC 3339)."
  type        = map(object({ start = string, end = string }))
  default     = {}

  validation {
    condition     = alltrue([for time in values(var.maintenance_exclusions) : can(timecmp(time.start, time.end)) ? timecmp(time.start, time.end) < 0 : false])
    error_message = "maintenance_exclusions must have times such as 2026-03-01T00:00:00Z, each end after its start."
  }
}

variable "release_channel" {
  description = "How soon the cluster gets new versions of Kubernetes: RAPID, REGULAR, STABLE or EXTENDED."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "release_channel must be RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "deletion_protection" {
  description = "Refuse to delete the cluster. destroy.sh sets it to false."
  type        = bool
  default     = true
}

variable "flow_logs" {
  description = "Log a tenth of the connections between nodes, and to and from them."
  type        = bool
  default     = false
}

variable "network_ranges" {
  description = "The private address ranges of nodes, pods and services. Each node takes a /24 of the pods' range."
  type = object({
    nodes    = optional(string, "10.10.0.0/20")
    pods     = optional(string, "10.20.0.0/16")
    services = optional(string, "10.30.0.0/20")
  })
  default = {}

  validation {
    condition     = alltrue([for range in values(var.network_ranges) : can(cidrnetmask(range))])
    error_message = "network_ranges must be IPv4 ranges, such as 10.10.0.0/20."
  }
}

variable "authorized_networks" {
  description = "Networks that may reach the control plane by its IP address, from a name to a range. None: it is reached by its DNS name only, which asks Google's IAM who is calling."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for range in values(var.authorized_networks) : can(cidrnetmask(range)) && !endswith(range, "/0")])
    error_message = "authorized_networks must be IPv4 ranges, such as 203.0.113.0/24, and not the whole internet."
  }
}
