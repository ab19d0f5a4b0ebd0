# Who is told about what. Runs offline and makes nothing: `terraform test`.

mock_provider "google" {
  source = "./tests/mocks"
}

# These win over terraform.tfvars: the tests do not depend on the answers of one project.
variables {
  project_id      = "test-project"
  region          = "europe-west4"
  zone            = ""
  name            = "digits"
  bucket_prefix   = "test-project-digits"
  accelerator     = "none"
  gpu_driver      = "google"
  engineers       = ["grace@example.com"]
  leads           = []
  billing_account = ""
  monthly_budget  = 300
  alert_emails    = []
  idle_minutes    = 45

  service_accounts = {
    nodes   = "digits-nodes"
    trainer = "digits-trainer"
    mlflow  = "digits-mlflow"
  }
}

override_data {
  target = data.google_project.alerts
  values = {
    number = "1234"
  }
}

run "without_a_billing_account_there_is_no_budget" {
  command = plan

  assert {
    condition     = length(google_billing_budget.main) == 0 && toset(keys(google_project_service.alerts)) == toset(["monitoring.googleapis.com"])
    error_message = "No budget, and none of its services, without an account."
  }

  assert {
    condition     = toset(keys(google_monitoring_notification_channel.email)) == toset(["grace@example.com"])
    error_message = "Where nobody is named, the engineers are told."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.idle_gpus) == 0
    error_message = "Without GPUs none idles."
  }
}

run "a_budget" {
  variables {
    billing_account   = "012345-6789AB-CDEF01"
    budget_thresholds = [0.75, 1.5]
    alert_emails      = ["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org", "f@x.org"]
  }

  assert {
    condition     = one(google_billing_budget.main).budget_filter[0].projects == toset(["projects/1234"]) && one(google_billing_budget.main).amount[0].specified_amount[0].units == "300"
    error_message = "The budget is of this project alone, and of what was asked for."
  }

  assert {
    condition = toset([
      for rule in one(google_billing_budget.main).threshold_rules : "${rule.spend_basis} ${rule.threshold_percent}"
    ]) == toset(["CURRENT_SPEND 0.75", "CURRENT_SPEND 1", "CURRENT_SPEND 1.5", "FORECASTED_SPEND 1"])
    error_message = "There is a mail at each threshold, at the whole budget, and when that is forecast."
  }

  assert {
    condition     = length(one(google_billing_budget.main).all_updates_rule[0].monitoring_notification_channels) == 5
    error_message = "Google takes no more than five channels."
  }

  assert {
    condition     = toset(keys(google_monitoring_notification_channel.email)) == toset(["a@x.org", "b@x.org", "c@x.org", "d@x.org", "e@x.org", "f@x.org"])
    error_message = "Who is named is told, and the engineers are not."
  }
}

run "failed_jobs" {
  assert {
    condition     = strcontains(google_monitoring_alert_policy.failed_jobs.conditions[0].condition_matched_log[0].filter, "jsonPayload.involvedObject.namespace=\"digits\"") && strcontains(google_monitoring_alert_policy.failed_jobs.conditions[0].condition_matched_log[0].filter, "resource.labels.cluster_name=\"digits\"")
    error_message = "Only jobs of this project count."
  }

  assert {
    condition     = alltrue([for reason in ["BackoffLimitExceeded", "DeadlineExceeded", "PyTorchJobFailed"] : strcontains(google_monitoring_alert_policy.failed_jobs.conditions[0].condition_matched_log[0].filter, "\"${reason}\"")])
    error_message = "Each way in which a job gives up counts."
  }

  assert {
    condition     = length(google_monitoring_alert_policy.failed_jobs.alert_strategy[0].notification_rate_limit) == 1
    error_message = "Google refuses an alert on logs that has no limit of mails."
  }

  assert {
    condition     = google_monitoring_alert_policy.failed_jobs.notification_channels == tolist([google_monitoring_notification_channel.email["grace@example.com"].id])
    error_message = "An alert that reaches nobody is none."
  }

  assert {
    condition     = strcontains(google_monitoring_alert_policy.failed_jobs.documentation[0].content, "$${log.extracted_label.job}")
    error_message = "The mail names the job."
  }
}

run "idle_gpus" {
  variables {
    accelerator = "nvidia-l4"
  }

  assert {
    condition     = one(google_monitoring_alert_policy.idle_gpus).conditions[0].condition_threshold[0].duration == "2700s"
    error_message = "There is a mail after the minutes that were asked for."
  }

  assert {
    condition     = one(google_monitoring_alert_policy.idle_gpus).notification_channels == tolist([google_monitoring_notification_channel.email["grace@example.com"].id])
    error_message = "An alert that reaches nobody is none."
  }
}

run "no_driver_of_google_no_measure" {
  command = plan

  variables {
    accelerator = "nvidia-l4"
    gpu_driver  = "daemonset"
  }

  assert {
    condition     = length(google_monitoring_alert_policy.idle_gpus) == 0
    error_message = "An alert on what nobody measures would never come."
  }
}

run "wrong_values" {
  command = plan

  variables {
    billing_account   = "my account"
    monthly_budget    = 0.5
    budget_thresholds = [0]
    alert_emails      = ["Ada <ada@example.com>"]
    idle_minutes      = 5
  }

  expect_failures = [
    var.billing_account,
    var.monthly_budget,
    var.budget_thresholds,
    var.alert_emails,
    var.idle_minutes,
  ]
}
