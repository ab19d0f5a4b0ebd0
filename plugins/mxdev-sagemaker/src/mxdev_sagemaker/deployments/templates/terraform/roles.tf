# Each deployment has a role of its own, which reads its model and what its kind needs, within the platform's boundary.
data "aws_iam_policy_document" "assume" {
  for_each = { tasks = "ecs-tasks.amazonaws.com", lambda = "lambda.amazonaws.com", scheduler = "scheduler.amazonaws.com" }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }
  }
}

resource "aws_iam_role" "deployment" {
  for_each = local.all

  name                 = "${local.prefix}-${each.value.short}"
  assume_role_policy   = data.aws_iam_policy_document.assume[each.value.kind == "async" ? "lambda" : "tasks"].json
  permissions_boundary = local.shared.boundary
}

data "aws_iam_policy_document" "deployment" {
  for_each = local.all

  statement {
    sid       = "Model"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["arn:${local.partition}:s3:::${each.value.data_bucket}/${each.value.data_key}"]
  }

  dynamic "statement" {
    for_each = each.value.kind == "async" ? [each.key] : []

    content {
      sid       = "Answers"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${local.shared.bucket}/${local.answers[trimprefix(statement.value, "async/")]}/*"]
    }
  }

  dynamic "statement" {
    for_each = each.value.kind == "async" ? [aws_sqs_queue.requests[trimprefix(each.key, "async/")].arn] : []

    content {
      sid       = "Requests"
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = each.value.kind == "async" ? ["Log"] : []

    content {
      sid       = "Log"
      actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
    }
  }

  dynamic "statement" {
    for_each = each.value.kind == "batch" ? [local.batch[trimprefix(each.key, "batch/")]] : []

    content {
      sid       = "Input"
      actions   = ["s3:GetObject", "s3:GetObjectVersion"]
      resources = ["arn:${local.partition}:s3:::${trimprefix(statement.value.input, "s3://")}/*"]
    }
  }

  dynamic "statement" {
    for_each = each.value.kind == "batch" ? [local.batch[trimprefix(each.key, "batch/")]] : []

    content {
      sid       = "Output"
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = ["arn:${local.partition}:s3:::${trimprefix(statement.value.output, "s3://")}/*"]
    }
  }

  # Without it S3 says "forbidden" of an object that is not there.
  dynamic "statement" {
    for_each = each.value.kind == "rest" ? [] : [each.value.kind == "batch" ? local.batch[trimprefix(each.key, "batch/")].buckets : [local.shared.bucket]]

    content {
      sid       = "Buckets"
      actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
      resources = [for bucket in statement.value : "arn:${local.partition}:s3:::${bucket}"]
    }
  }

  dynamic "statement" {
    for_each = each.value.kind == "batch" ? ["Progress"] : []

    content {
      sid       = "Progress"
      actions   = ["cloudwatch:PutMetricData"]
      resources = ["*"]

      condition {
        test     = "StringEquals"
        variable = "cloudwatch:namespace"
        values   = [local.prefix]
      }
    }
  }
}

resource "aws_iam_role_policy" "deployment" {
  for_each = local.all

  name   = "deployment"
  role   = aws_iam_role.deployment[each.key].id
  policy = data.aws_iam_policy_document.deployment[each.key].json
}

# What starts tasks: it pulls their images and writes their logs.
resource "aws_iam_role" "execution" {
  name                 = "${local.prefix}-execution"
  assume_role_policy   = data.aws_iam_policy_document.assume["tasks"].json
  permissions_boundary = local.shared.boundary
}

data "aws_iam_policy_document" "execution" {
  # checkov:skip=CKV_AWS_356:The login of ECR has no resource to name
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [local.shared.registries]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/${local.prefix}/*"]
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:The keys of CloudWatch are enough here, and cost nothing
  # checkov:skip=CKV_AWS_338:What a service says is of use for weeks; what was deployed is in Git
  for_each = local.all

  name              = "/${local.prefix}/${each.key}"
  retention_in_days = 90
}
