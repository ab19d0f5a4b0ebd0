# Who is told when the project costs more than it should, when a training fails, and when a GPU that is paid for idles.

variable "billing_account" {
  description = "The billing account that pays for the project; empty: no budget."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})?$", var.billing_account))
    error_message = "billing_account must be an id such as 012345-6789AB-CDEF01, or empty."
  }
}

variable "monthly_budget" {
  description = "What the project may cost in a month, in the currency of the billing account."
  type        = number
  default     = 1000

  validation {
    condition     = var.monthly_budget >= 1 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "monthly_budget must be a whole number of at least 1."
  }
}

variable "budget_thresholds" {
  description = "At which parts of the budget there is a mail: 0.5 is at half of it. At all of it there is one in any case, also when it is only forecast."
  type        = set(number)
  default     = [0.5, 0.9]

  validation {
    condition     = alltrue([for part in var.budget_thresholds : part > 0 && part != 1])
    error_message = "budget_thresholds must be parts of the budget above 0, and other than 1, which is there in any case."
  }
}

variable "alert_emails" {
  description = "Who gets the mail. Nobody: those in `engineers`."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for email in var.alert_emails : can(regex("^[^@:[:space:]]+@[^@:[:space:]]+[.][^@:[:space:]]+$", email))])
    error_message = "alert_emails must be plain e-mail addresses, such as ada@example.com."
  }
}

variable "idle_minutes" {
  description = "For how many minutes a pod with a GPU may leave it idle before there is a mail."
  type        = number
  default     = 60

  validation {
    condition     = var.idle_minutes >= 10 && var.idle_minutes <= 1380 && floor(var.idle_minutes) == var.idle_minutes
    error_message = "idle_minutes must be a whole number from 10 to 1380."
  }
}

locals {
  alert_emails = length(var.alert_emails) > 0 ? var.alert_emails : var.engineers

  # In the order of the addresses, so that the same five are told about the budget at every plan.
  alert_channels = [for email in sort(local.alert_emails) : google_monitoring_notification_channel.email[email].id]

  # What Kubernetes writes down when a Job gives up, and the training operator when a PyTorchJob does. A TrainJob is made of Jobs.
  failed_jobs = [
    "log_id(\"events\")",
    "resource.labels.cluster_name=\"${var.name}\"",
    "jsonPayload.involvedObject.namespace=\"${local.namespace}\"",
    "jsonPayload.reason=(\"BackoffLimitExceeded\" OR \"DeadlineExceeded\" OR \"PyTorchJobFailed\")",
  ]

  idle_gpus = [
    "resource.type=\"k8s_container\"",
    "resource.labels.cluster_name=\"${var.name}\"",
    "metric.type=\"kubernetes.io/container/accelerator/duty_cycle\"",
  ]
}

resource "google_project_service" "alerts" {
  for_each = toset(concat(
    ["monitoring.googleapis.com"],
    var.billing_account == "" ? [] : ["billingbudgets.googleapis.com", "cloudbilling.googleapis.com"],
  ))

  project            = var.project_id
  service            = each.value
  disable_on_destroy = false
}

resource "google_monitoring_notification_channel" "email" {
  for_each = local.alert_emails

  display_name = "${var.name}: ${each.value}"
  type         = "email"
  user_labels  = local.labels

  labels = {
    email_address = each.value
  }

  depends_on = [google_project_service.alerts]
}

data "google_project" "alerts" {
  count = var.billing_account == "" ? 0 : 1

  project_id = var.project_id
}

# A budget tells; it stops nothing. Google counts with a delay of hours, up to a day.
resource "google_billing_budget" "main" {
  count = var.billing_account == "" ? 0 : 1

  billing_account = var.billing_account
  display_name    = var.name

  budget_filter {
    # Google keeps the number, and Terraform would find a difference to the id at every plan.
    projects        = ["projects/${data.google_project.alerts[0].number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }

  dynamic "threshold_rules" {
    for_each = sort([for part in setunion(var.budget_thresholds, [1]) : format("%09.4f", part)])

    content {
      threshold_percent = tonumber(threshold_rules.value)
      spend_basis       = "CURRENT_SPEND"
    }
  }

  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  # Google takes no more than five. Who manages the billing account is told, too.
  all_updates_rule {
    monitoring_notification_channels = slice(local.alert_channels, 0, min(5, length(local.alert_channels)))
    disable_default_iam_recipients   = false
  }

  depends_on = [google_project_service.alerts]
}

resource "google_monitoring_alert_policy" "failed_jobs" {
  display_name          = "${var.name}: a training or another job failed"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.alert_channels
  user_labels           = local.labels

  conditions {
    display_name = "A job of the namespace ${local.namespace} gave up"

    condition_matched_log {
      filter = join(" AND ", local.failed_jobs)

      label_extractors = {
        job = "EXTRACT(jsonPayload.involvedObject.name)"
      }
    }
  }

  # Ten runs of a sweep that fail together are one mail.
  alert_strategy {
    auto_close = "86400s"

    notification_rate_limit {
      period = "300s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${var.name}: a job failed"
    content   = "The job `$${log.extracted_label.job}` in the namespace `${local.namespace}` failed. `mx flow status` and `mx flow logs` say why; `mx flow resume` goes on from the last checkpoint. A job called `database-backup-...` is the nightly dump of MLflow's database."
  }

  depends_on = [google_project_service.alerts]
}

# GKE measures only where it installs the driver itself.
resource "google_monitoring_alert_policy" "idle_gpus" {
  count = local.gpu_metrics ? 1 : 0

  display_name          = "${var.name}: a GPU idles"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.alert_channels
  user_labels           = local.labels

  conditions {
    display_name = "A pod has used less than 1 % of its GPU for ${var.idle_minutes} minutes"

    condition_threshold {
      filter                  = join(" AND ", local.idle_gpus)
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "${60 * var.idle_minutes}s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_INACTIVE"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_MEAN"
        cross_series_reducer = "REDUCE_MAX"
        group_by_fields      = ["resource.label.namespace_name", "resource.label.pod_name"]
      }
    }
  }

  alert_strategy {
    auto_close = "3600s"
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${var.name}: a GPU idles"
    content   = "The pod `$${resource.label.pod_name}` in the namespace `$${resource.label.namespace_name}` holds a GPU and does not use it. `mx flow status` names runs, `mx flow cancel` ends one; `mx doctor` names GPU nodes that nobody uses."
  }

  depends_on = [google_project_service.alerts]
}
