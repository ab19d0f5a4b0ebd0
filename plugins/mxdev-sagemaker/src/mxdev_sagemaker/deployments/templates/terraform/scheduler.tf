# Who starts batches and looks at their deadlines.
resource "aws_iam_role" "scheduler" {
  name                 = "${local.prefix}-scheduler"
  assume_role_policy   = data.aws_iam_policy_document.assume["scheduler"].json
  permissions_boundary = local.shared.boundary
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "Start"
    actions   = ["ecs:RunTask"]
    resources = ["arn:${local.partition}:ecs:${local.region}:${local.account}:task-definition/${local.prefix}-*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }

  statement {
    sid       = "Tag"
    actions   = ["ecs:TagResource"]
    resources = ["arn:${local.partition}:ecs:${local.region}:${local.account}:task/${local.prefix}/*"]
  }

  statement {
    sid       = "Pass"
    actions   = ["iam:PassRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${local.prefix}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "Look"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.deadline.arn]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.starts.arn]
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "scheduler"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}

# Starts that ECS or Lambda did not take.
resource "aws_sqs_queue" "starts" {
  name                      = "${local.prefix}-starts"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_cloudwatch_metric_alarm" "starts" {
  alarm_name          = "${local.prefix}-starts"
  alarm_description   = "A batch was not started, or its deadline not looked at: read ${aws_sqs_queue.starts.name}."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dimensions = {
    QueueName = aws_sqs_queue.starts.name
  }
}

# --- the function that looks ---

resource "aws_iam_role" "deadline" {
  name                 = "${local.prefix}-deadline"
  assume_role_policy   = data.aws_iam_policy_document.assume["lambda"].json
  permissions_boundary = local.shared.boundary
}

data "aws_iam_policy_document" "deadline" {
  statement {
    sid       = "Outputs"
    actions   = ["s3:GetObject"]
    resources = concat(["arn:${local.partition}:s3:::${local.shared.bucket}/batch/*"], [for one in local.batch : "arn:${local.partition}:s3:::${trimprefix(one.output, "s3://")}/*"])
  }

  statement {
    sid       = "Buckets"
    actions   = ["s3:ListBucket"]
    resources = [for bucket in distinct(concat([local.shared.bucket], [for one in local.batch : split("/", one.output)[2]])) : "arn:${local.partition}:s3:::${bucket}"]
  }

  statement {
    sid       = "Tell"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.deadline.arn}:*"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.starts.arn]
  }
}

resource "aws_iam_role_policy" "deadline" {
  name   = "deadline"
  role   = aws_iam_role.deadline.id
  policy = data.aws_iam_policy_document.deadline.json
}

resource "aws_cloudwatch_log_group" "deadline" {
  # checkov:skip=CKV_AWS_158:The keys of CloudWatch are enough here, and cost nothing
  # checkov:skip=CKV_AWS_338:What it says is of use for weeks
  name              = "/${local.prefix}/deadline"
  retention_in_days = 90
}

# lambdas/build.py makes the zip.
resource "aws_lambda_function" "deadline" {
  # checkov:skip=CKV_AWS_50:It makes three calls, and its log has them
  # checkov:skip=CKV_AWS_115:It runs once a day for each batch
  # checkov:skip=CKV_AWS_117:It speaks with S3 and SNS, and with nothing in the network
  # checkov:skip=CKV_AWS_173:The variables are names, no secrets
  # checkov:skip=CKV_AWS_272:Only this pipeline makes the zip, and Terraform compares its hash
  function_name    = "${local.prefix}-deadline"
  description      = "Looks whether a batch is done when it has to be."
  role             = aws_iam_role.deadline.arn
  runtime          = "python3.13"
  handler          = "handler.handler"
  filename         = "${path.module}/../lambdas/build/deadline.zip"
  source_code_hash = filebase64sha256("${path.module}/../lambdas/build/deadline.zip")
  timeout          = 60

  environment {
    variables = {
      TOPIC = aws_sns_topic.alarms.arn
    }
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.deadline.name
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.starts.arn
  }

  depends_on = [aws_iam_role_policy.deadline]
}
