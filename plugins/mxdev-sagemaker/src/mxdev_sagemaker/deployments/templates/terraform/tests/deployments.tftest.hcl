# Plans and applies without an account, over the files in tests/deployments: `terraform test`.
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

  mock_data "aws_ssm_parameter" {
    defaults = {
      insecure_value = <<-JSON
        {
          "bucket": "acme-ml-platform-123456789012",
          "boundary": "arn:aws:iam::123456789012:policy/boundary",
          "hostname": "ml.example.com",
          "listener": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/mock/0123456789abcdef/0123456789abcdef",
          "balancer_group": "sg-00000000000000001",
          "vpc": "vpc-00000000000000001",
          "private_subnets": ["subnet-00000000000000001", "subnet-00000000000000002"],
          "registries": "arn:aws:ecr:eu-central-1:123456789012:repository/acme-ml/*"
        }
      JSON
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

  mock_resource "aws_ecs_cluster" {
    defaults = {
      arn = "arn:aws:ecs:eu-central-1:123456789012:cluster/mock"
    }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = {
      arn = "arn:aws:ecs:eu-central-1:123456789012:task-definition/mock:1"
    }
  }

  mock_resource "aws_lb_target_group" {
    defaults = {
      arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/mock/0123456789abcdef"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn = "arn:aws:lambda:eu-central-1:123456789012:function:mock"
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
}

run "nothing_is_deployed" {
  command = plan

  variables {
    folder = "tests/none"
  }

  assert {
    condition     = length(aws_ecs_service.rest) + length(aws_lambda_function.async) + length(aws_scheduler_schedule.batch) == 0
    error_message = "Without files nothing may be deployed."
  }
}

run "every_kind" {
  command = apply

  variables {
    folder = "tests/deployments"
  }

  assert {
    condition     = toset([for rule in aws_lb_listener_rule.rest : one(one(rule.condition).path_pattern).values]) == toset([toset(["/predictions/churn/1/*"]), toset(["/predictions/churn/2/*"])])
    error_message = "Each version must have its own path."
  }

  assert {
    condition     = output.endpoints["churn-2"] == "https://ml.example.com/predictions/churn/2/predict"
    error_message = "The endpoint must be at the platform's host."
  }

  assert {
    condition     = alltrue([for group in aws_lb_target_group.rest : length(group.name) <= 32]) && alltrue([for role in aws_iam_role.deployment : length(role.name) <= 64])
    error_message = "A name must not be longer than AWS takes."
  }

  assert {
    condition     = length(distinct([for one in local.all : one.short])) == length(local.all)
    error_message = "No two deployments may share a name."
  }

  assert {
    condition     = keys(aws_appautoscaling_policy.rest) == ["churn-1"] && aws_appautoscaling_target.rest["churn-2"].max_capacity == 2
    error_message = "Only what may grow is scaled."
  }

  assert {
    condition     = aws_sqs_queue.requests["a-model-with-a-long-name-12"].visibility_timeout_seconds == 600 && jsondecode(aws_sqs_queue.requests["a-model-with-a-long-name-12"].redrive_policy).maxReceiveCount == 3
    error_message = "A message must not be seen twice while it is worked on, and must become a dead letter."
  }

  assert {
    condition     = one(aws_lambda_function.async["a-model-with-a-long-name-12"].image_config).command == tolist(["serve.handler"])
    error_message = "The command must be the file's."
  }

  assert {
    condition     = aws_scheduler_schedule.deadline["churn-1"].schedule_expression == "cron(5 6 ? * MON-FRI *)" && aws_scheduler_schedule.deadline["churn-1"].schedule_expression_timezone == "Europe/Prague"
    error_message = "The deadline must be looked at on the days of the batch."
  }

  assert {
    condition     = strcontains(one(aws_scheduler_schedule.batch["churn-1"].target).input, "\"<aws.scheduler.scheduled-time>\"") && one(one(aws_scheduler_schedule.batch["churn-1"].target).ecs_parameters).task_count == 4
    error_message = "Each task must be told when it was due."
  }

  assert {
    condition     = contains([for one in jsondecode(aws_ecs_task_definition.batch["churn-1"].container_definitions)[0].environment : "${one.name}=${one.value}"], "CHUNK=1000")
    error_message = "The file's variables must be the container's."
  }

  assert {
    condition     = data.aws_iam_policy_document.deployment["rest/churn-1"].statement[0].resources == toset(["arn:aws:s3:::acme-ml-platform-123456789012/models/churn/1/model.tar.gz"]) && length(data.aws_iam_policy_document.deployment["rest/churn-1"].statement) == 1
    error_message = "A rest service must read its own model, and nothing else."
  }

  assert {
    condition     = alltrue([for role in [aws_iam_role.execution, aws_iam_role.scheduler, aws_iam_role.deadline] : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"]) && alltrue([for role in aws_iam_role.deployment : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"])
    error_message = "Every role must have the platform's boundary."
  }
}
