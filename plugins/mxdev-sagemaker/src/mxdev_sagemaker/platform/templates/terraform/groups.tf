# Users list and see; developers do what `mx sagemaker` does, too: they configure and start pipelines, and accept and refuse models. People are put into them by hand, or by the company's own Terraform.
data "aws_iam_policy_document" "see" {
  # checkov:skip=CKV_AWS_356:Lists have no resource to name
  statement {
    sid = "Look"
    actions = [
      "cloudwatch:DescribeAlarms",
      "cloudwatch:GetMetricData",
      "cloudwatch:ListMetrics",
      "ecr:DescribeImages",
      "ecr:DescribeRepositories",
      "ecs:Describe*",
      "ecs:List*",
      "logs:DescribeLogGroups",
      "sagemaker:Describe*",
      "sagemaker:List*",
      "sagemaker:Search",
      "scheduler:GetSchedule",
      "scheduler:ListSchedules",
      "sqs:GetQueueAttributes",
      "sqs:ListQueues",
      "ssm:DescribeParameters",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = ["${local.logs}:*", "arn:${local.partition}:logs:${local.here}:log-group:/aws/lambda/${local.platform}-*:*", "${local.deployed.logs}:*"]
  }

  statement {
    sid       = "Buckets"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketVersions"]
    resources = ["arn:${local.partition}:s3:::${local.platform}-*"]
  }
}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "Parameters"
    actions   = ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:GetParameters", "ssm:GetParametersByPath"]
    resources = ["arn:${local.partition}:ssm:${local.here}:parameter/sagemaker/*", aws_ssm_parameter.outputs.arn]
  }
}

# What `mx sagemaker config`, `start` and `models` ask of AWS beyond that.
data "aws_iam_policy_document" "develop" {
  statement {
    sid       = "Schemas"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.platform.arn}/pipelines/*/configuration.schema.json"]
  }

  # A version whose metrics the registry does not have is shown with those of its evaluation.
  statement {
    sid       = "Evaluations"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.platform.arn}/pipelines/*/runs/*/evaluation.json"]
  }

  statement {
    sid       = "Configure"
    actions   = ["ssm:PutParameter"]
    resources = [local.configurations]
  }

  statement {
    sid       = "Start"
    actions   = ["sagemaker:StartPipelineExecution"]
    resources = ["arn:${local.partition}:sagemaker:${local.here}:pipeline/*"]
  }

  # A decision, and no other change.
  statement {
    sid       = "Decide"
    actions   = ["sagemaker:UpdateModelPackage"]
    resources = ["arn:${local.partition}:sagemaker:${local.here}:model-package/*"]

    condition {
      test     = "StringEquals"
      variable = "sagemaker:ModelApprovalStatus"
      values   = ["Approved", "Rejected"]
    }
  }
}

resource "aws_iam_group" "this" {
  for_each = toset(["users", "developers"])

  name = "${local.platform}-${each.value}"
}

resource "aws_iam_group_policy" "see" {
  for_each = aws_iam_group.this

  name   = "see"
  group  = each.value.name
  policy = data.aws_iam_policy_document.see.json
}

resource "aws_iam_group_policy" "read" {
  name   = "read-parameters"
  group  = aws_iam_group.this["developers"].name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policy" "develop" {
  name   = "develop"
  group  = aws_iam_group.this["developers"].name
  policy = data.aws_iam_policy_document.develop.json
}
