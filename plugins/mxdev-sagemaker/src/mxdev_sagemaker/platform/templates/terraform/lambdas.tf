locals {
  functions = {
    deploy_manager = {
      description = "Writes the deployment of an accepted model into the repository of deployments."
      policy      = data.aws_iam_policy_document.deploy_manager.json
      environment = {
        GITLAB       = local.gitlab
        PROJECT      = local.deployments_project
        BRANCH       = "main"
        TOKEN_SECRET = aws_secretsmanager_secret.gitlab.name
      }
    }
    pipeline_upsert = {
      description = "Creates or updates a pipeline and its schedule from what lies in the platform's bucket."
      policy      = data.aws_iam_policy_document.pipeline_upsert.json
      environment = {
        BUCKET         = aws_s3_bucket.platform.id
        PIPELINE_ROLE  = aws_iam_role.training.arn
        PIPELINE_ARNS  = "arn:${local.partition}:sagemaker:${local.here}:pipeline"
        SCHEDULE_ROLE  = aws_iam_role.schedules.arn
        SCHEDULE_GROUP = aws_scheduler_schedule_group.pipelines.name
        DATA_GROUP     = aws_scheduler_schedule_group.data.name
        DEAD_LETTERS   = aws_sqs_queue.dead_letters.arn
      }
    }
  }
}

# The token of a bot that is Maintainer of the project of deployments. Its value is put there by hand, so that it is in no state:
# aws secretsmanager put-secret-value --secret-id PLATFORM/gitlab-token --secret-string TOKEN
resource "aws_secretsmanager_secret" "gitlab" {
  # checkov:skip=CKV_AWS_149:The key of Secrets Manager is enough here, and costs nothing
  # checkov:skip=CKV2_AWS_57:GitLab cannot be asked for a new token by a function that has only this one
  name        = "${local.platform}/gitlab-token"
  description = "Access token of ${local.deployments_project}, scope api."
}

resource "aws_iam_role" "lambda" {
  for_each = local.functions

  name               = "${local.platform}-${replace(each.key, "_", "-")}"
  assume_role_policy = data.aws_iam_policy_document.assume["lambda"].json
}

data "aws_iam_policy_document" "log" {
  for_each = local.functions

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.lambda[each.key].arn}:*"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }
}

resource "aws_iam_role_policy" "lambda_log" {
  for_each = local.functions

  name   = "log"
  role   = aws_iam_role.lambda[each.key].id
  policy = data.aws_iam_policy_document.log[each.key].json
}

resource "aws_iam_role_policy" "lambda" {
  for_each = local.functions

  name   = "work"
  role   = aws_iam_role.lambda[each.key].id
  policy = each.value.policy
}

data "aws_iam_policy_document" "deploy_manager" {
  statement {
    sid       = "Registry"
    actions   = ["sagemaker:DescribeModelPackage"]
    resources = ["arn:${local.partition}:sagemaker:${local.here}:model-package/*"]
  }

  statement {
    sid       = "Configuration"
    actions   = ["ssm:GetParameter"]
    resources = [local.configurations]
  }

  statement {
    sid       = "Token"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.gitlab.arn]
  }
}

data "aws_iam_policy_document" "pipeline_upsert" {
  statement {
    sid       = "Definitions"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${aws_s3_bucket.platform.arn}/pipelines/*"]
  }

  # Without it S3 says "forbidden" of an object that is not there.
  statement {
    sid       = "Look"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.platform.arn]
  }

  statement {
    sid       = "Configuration"
    actions   = ["ssm:GetParameter"]
    resources = [local.configurations]
  }

  statement {
    sid       = "Pipelines"
    actions   = ["sagemaker:CreatePipeline", "sagemaker:DescribePipeline", "sagemaker:UpdatePipeline", "sagemaker:AddTags"]
    resources = ["arn:${local.partition}:sagemaker:${local.here}:pipeline/*"]
  }

  statement {
    sid     = "Schedules"
    actions = ["scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    resources = [
      for group in [aws_scheduler_schedule_group.pipelines, aws_scheduler_schedule_group.data] :
      "arn:${local.partition}:scheduler:${local.here}:schedule/${group.name}/*"
    ]
  }

  statement {
    sid       = "Pass"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.training.arn, aws_iam_role.schedules.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com", "scheduler.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_group" "lambda" {
  # checkov:skip=CKV_AWS_158:The keys of CloudWatch are enough here, and cost nothing
  # checkov:skip=CKV_AWS_338:What a function says is of use for weeks; what was deployed is in Git
  for_each = local.functions

  name              = "/aws/lambda/${local.platform}-${replace(each.key, "_", "-")}"
  retention_in_days = 90
}

# lambdas/build.py makes the zips.
resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:A function makes a handful of calls, and its log has what it did
  # checkov:skip=CKV_AWS_115:An account has few concurrent runs, and a reserve would take them from others; events wait
  # checkov:skip=CKV_AWS_117:It speaks with AWS and with GitLab, and with nothing in the network
  # checkov:skip=CKV_AWS_173:The variables are names, no secrets
  # checkov:skip=CKV_AWS_272:Only this pipeline makes the zips, and Terraform compares their hashes
  for_each = local.functions

  function_name    = "${local.platform}-${replace(each.key, "_", "-")}"
  description      = each.value.description
  role             = aws_iam_role.lambda[each.key].arn
  runtime          = "python3.13"
  handler          = "handler.handler"
  filename         = "${path.module}/../lambdas/build/${each.key}.zip"
  source_code_hash = filebase64sha256("${path.module}/../lambdas/build/${each.key}.zip")
  timeout          = 120
  memory_size      = 256

  environment {
    variables = each.value.environment
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead_letters.arn
  }


  depends_on = [aws_cloudwatch_log_group.lambda, aws_iam_role_policy.lambda_log]
}
