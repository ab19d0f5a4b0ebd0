# Plans and applies everything without an account: `terraform test`.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_data "aws_region" {
    defaults = {
      id = "eu-central-1"
    }
  }

  mock_data "aws_availability_zones" {
    defaults = {
      names = ["a", "b", "c"]
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/mock"
    }
  }

  mock_resource "aws_iam_policy" {
    defaults = {
      arn = "arn:aws:iam::123456789012:policy/mock"
    }
  }

  mock_resource "aws_lb" {
    defaults = {
      arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/mock/0123456789abcdef"
    }
  }

  mock_resource "aws_lb_listener" {
    defaults = {
      arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/mock/0123456789abcdef/0123456789abcdef"
    }
  }

  mock_resource "aws_acm_certificate" {
    defaults = {
      arn = "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
    }
  }

  mock_resource "aws_acm_certificate_validation" {
    defaults = {
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
    }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:123456789012:mock"
    }
  }

  mock_resource "aws_sns_topic" {
    defaults = {
      arn = "arn:aws:sns:eu-central-1:123456789012:mock"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn = "arn:aws:lambda:eu-central-1:123456789012:function:mock"
    }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = {
      arn = "arn:aws:events:eu-central-1:123456789012:rule/mock"
    }
  }
}

run "everything" {
  command = apply

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "A tag must stay the image that it was."
  }

  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && one(aws_lb_listener.http.default_action).type == "redirect"
    error_message = "Models must be reached by HTTPS only."
  }

  assert {
    condition     = !aws_lb.this.internal || alltrue([for rule in aws_vpc_security_group_ingress_rule.balancer : rule.cidr_ipv4 != "0.0.0.0/0"])
    error_message = "An internal load balancer must not be open to everybody."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.platform.versioning_configuration).status == "Enabled" && aws_s3_bucket_notification.platform.eventbridge
    error_message = "An upload must be an event, and its version must stay."
  }

  assert {
    condition = alltrue([
      for app in concat(
        flatten(aws_sagemaker_domain.this.default_user_settings[*].jupyter_lab_app_settings),
        flatten(aws_sagemaker_domain.this.default_user_settings[*].code_editor_app_settings),
        flatten(aws_sagemaker_domain.this.default_space_settings[*].jupyter_lab_app_settings),
      ) : one(one(app.app_lifecycle_management).idle_settings).lifecycle_management == "ENABLED"
    ])
    error_message = "An app that nobody uses must stop, whatever its kind."
  }

  assert {
    condition = (
      length(one(aws_sagemaker_domain.this.default_user_settings).jupyter_lab_app_settings) == 1
      && length(one(aws_sagemaker_domain.this.default_user_settings).code_editor_app_settings) == 1
      && length(one(aws_sagemaker_domain.this.default_space_settings).jupyter_lab_app_settings) == 1
    )
    error_message = "Each kind of app must be told for itself when to stop."
  }

  assert {
    condition     = length(distinct([aws_iam_role.experiments.name, aws_iam_role.training.name, aws_iam_role.deployments.name])) == 3
    error_message = "Experiments, training pipelines and deployment pipelines must each have a role of their own."
  }

  assert {
    condition     = !anytrue([for statement in data.aws_iam_policy_document.training.statement : contains(statement.actions, "sagemaker:UpdateModelPackage")])
    error_message = "A training pipeline must not accept its own model."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.training.statement :
      anytrue([
        for one in statement.condition :
        one.test == "StringEquals" && one.variable == "sagemaker:ModelApprovalStatus" && join(",", one.values) == "PendingManualApproval"
      ])
      if contains(statement.actions, "sagemaker:CreateModelPackage")
    ])
    error_message = "A training pipeline must register drafts only, or it would accept its own model in the moment that it registers it."
  }

  assert {
    condition = { for statement in data.aws_iam_policy_document.develop.statement : statement.sid => join(",", statement.actions) } == {
      Schemas     = "s3:GetObject"
      Evaluations = "s3:GetObject"
      Configure   = "ssm:PutParameter"
      Start       = "sagemaker:StartPipelineExecution"
      Decide      = "sagemaker:UpdateModelPackage"
    } && aws_iam_group_policy.develop.group == aws_iam_group.this["developers"].name
    error_message = "Developers configure and start pipelines and decide about models, and nobody else does."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.develop.statement : alltrue([for arn in statement.resources : !contains(["*", "arn:aws:s3:::*"], arn)])
      ]) && alltrue([
      for statement in data.aws_iam_policy_document.develop.statement : anytrue([
        for one in statement.condition : one.variable == "sagemaker:ModelApprovalStatus" && join(",", sort(one.values)) == "Approved,Rejected"
      ]) if statement.sid == "Decide"
    ])
    error_message = "Each right of the developers must be on named resources, and a model may be accepted or refused only."
  }
}

run "only_named_groups_are_accepted_by_tests" {
  command = plan

  variables {
    automatic_acceptance = ["churn"]
  }

  assert {
    condition = anytrue([
      for statement in data.aws_iam_policy_document.training.statement :
      contains(statement.actions, "sagemaker:UpdateModelPackage") && alltrue([for arn in statement.resources : endswith(arn, ":model-package/churn/*")])
    ])
    error_message = "Tests may accept models of the group that is named."
  }
}

run "a_squad" {
  command = apply

  module {
    source = "./modules/squad"
  }

  variables {
    platform       = "acme-ml"
    name           = "vision"
    experiments    = ["detector", "tracker"]
    pipelines      = ["churn"]
    members        = ["ada"]
    git            = "https://gitlab.com/acme/ml/vision"
    domain_id      = "d-mock"
    execution_role = "arn:aws:iam::123456789012:role/experiments"
    base_image     = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme-ml/base:1.0.0"
    idle           = { minutes = 60, at_most = 240 }
    role_names     = { write = "experiments", read = "training" }
  }

  assert {
    condition     = output.experiments["detector"].bucket == "acme-ml-vision-detector-123456789012" && length(output.experiments) == 2
    error_message = "Each experiment must have a bucket of its own."
  }

  assert {
    condition     = aws_ecr_repository.this["churn-training"].name == "acme-ml/vision/churn-training" && endswith(output.registry, ".amazonaws.com/acme-ml/vision")
    error_message = "Each step of a training pipeline must have a registry."
  }

  assert {
    condition     = output.experiments["tracker"].git == "https://gitlab.com/acme/ml/vision/tracker.git"
    error_message = "Each experiment must have its Git repository."
  }

  assert {
    condition = [for one in one(one(aws_sagemaker_user_profile.this["ada"].user_settings).jupyter_lab_app_settings).custom_image : join(" ", [one.image_name, one.app_image_config_name])] == [
      for name in ["detector", "tracker"] : "acme-ml-vision-${name} acme-ml-vision-${name}"
    ]
    error_message = "Studio must offer the kernel of each experiment to the squad's members."
  }

  assert {
    condition     = one(one(one(one(aws_sagemaker_user_profile.this["ada"].user_settings).jupyter_lab_app_settings).app_lifecycle_management).idle_settings).idle_timeout_in_minutes == 60
    error_message = "An instance of a member must stop when nobody uses it."
  }

  assert {
    condition     = alltrue([for one in aws_sagemaker_image_version.this : one.base_image == var.base_image]) && output.experiments["detector"].kernel == "acme-ml-vision-detector"
    error_message = "The first version of each kernel must be the base image."
  }

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket_versioning.this : one(bucket.versioning_configuration).status == "Enabled"])
    error_message = "Every version of an experiment's objects must stay."
  }
}

run "an_experiment_with_a_long_name_is_refused" {
  command = plan

  module {
    source = "./modules/squad"
  }

  variables {
    platform       = "acme-ml"
    name           = "vision"
    experiments    = ["a-name-that-is-too-long"]
    members        = []
    git            = "https://gitlab.com/acme/ml/vision"
    domain_id      = "d-mock"
    execution_role = "arn:aws:iam::123456789012:role/experiments"
    base_image     = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme-ml/base:1.0.0"
    idle           = { minutes = 60, at_most = 240 }
    role_names     = { write = "experiments", read = "training" }
  }

  expect_failures = [var.experiments]
}
