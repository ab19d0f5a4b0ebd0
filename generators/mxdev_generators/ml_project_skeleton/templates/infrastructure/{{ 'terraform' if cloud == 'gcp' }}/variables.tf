# What the project is called and who works on it. The cluster's own settings are in variables_cluster.tf.

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
  description = "The zone of a zonal cluster; empty for a regional one. Changing it makes a new cluster."
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

variable "noncurrent_days" {
  description = "For how many days a bucket keeps an object that was overwritten or deleted."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_days >= 1 && floor(var.noncurrent_days) == var.noncurrent_days
    error_message = "noncurrent_days must be a whole number of at least 1."
  }
}
