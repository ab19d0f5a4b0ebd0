# async: a queue of requests, a function from the model's image, and a queue of what it could not do. Answers are objects below RESULTS.
locals {
  answers = { for key, file in local.files.async : key => "async/${file.model}/${file.version}" }
  async = {
    for key, file in local.files.async : key => {
      memory      = try(file.memory, 1024)
      seconds     = try(file.seconds, 60)
      batch       = try(file.batch, 1)
      attempts    = try(file.attempts, 3)
      concurrency = try(file.concurrency, 10)
    }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.async

  name                      = "${local.prefix}-${local.all["async/${each.key}"].short}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue" "requests" {
  for_each = local.async

  name                    = "${local.prefix}-${local.all["async/${each.key}"].short}"
  sqs_managed_sse_enabled = true
  # As AWS advises: six times what the function may take, so that no message is seen twice while it is worked on.
  visibility_timeout_seconds = each.value.seconds * 6
  receive_wait_time_seconds  = 20

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[each.key].arn
    maxReceiveCount     = each.value.attempts
  })
}

resource "aws_lambda_function" "async" {
  # checkov:skip=CKV_AWS_50:Traces cost by the request; the log has each one
  # checkov:skip=CKV_AWS_115:The mapping of the queue limits how many run at once
  # checkov:skip=CKV_AWS_116:What fails goes back to the queue, which has dead letters
  # checkov:skip=CKV_AWS_117:It speaks with S3 and the queue, and with nothing in the network
  # checkov:skip=CKV_AWS_173:The variables are names, no secrets
  # checkov:skip=CKV_AWS_272:Images are not signed by Lambda; their tags cannot be moved
  for_each = local.async

  function_name = "${local.prefix}-${local.all["async/${each.key}"].short}"
  description   = "Answers the requests of ${each.key}."
  role          = aws_iam_role.deployment["async/${each.key}"].arn
  package_type  = "Image"
  image_uri     = local.files.async[each.key].image
  memory_size   = each.value.memory
  timeout       = each.value.seconds

  dynamic "image_config" {
    for_each = can(local.files.async[each.key].command) ? [local.files.async[each.key].command] : []

    content {
      command = image_config.value
    }
  }

  ephemeral_storage {
    size = 4096
  }

  environment {
    variables = merge(local.all["async/${each.key}"].environment, {
      RESULTS = "s3://${local.shared.bucket}/${local.answers[each.key]}"
    })
  }

  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.this["async/${each.key}"].name
  }

  depends_on = [aws_iam_role_policy.deployment]
}

# Of a batch only what failed comes again.
resource "aws_lambda_event_source_mapping" "async" {
  for_each = local.async

  event_source_arn        = aws_sqs_queue.requests[each.key].arn
  function_name           = aws_lambda_function.async[each.key].arn
  batch_size              = each.value.batch
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = each.value.concurrency
  }
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = local.async

  alarm_name          = "${local.prefix}-${local.all["async/${each.key}"].short}-dead-letters"
  alarm_description   = "Requests to ${each.key} failed ${each.value.attempts} times: read ${aws_sqs_queue.dead_letters[each.key].name}."
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
    QueueName = aws_sqs_queue.dead_letters[each.key].name
  }
}
