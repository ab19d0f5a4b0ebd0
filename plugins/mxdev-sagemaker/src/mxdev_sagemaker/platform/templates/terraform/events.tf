locals {
  events = {
    # A person or a test accepted a version of a model.
    accepted = {
      function = "deploy_manager"
      pattern = {
        source        = ["aws.sagemaker"]
        "detail-type" = ["SageMaker Model Package State Change"]
        detail        = { ModelApprovalStatus = ["Approved"] }
      }
    }
    uploaded = {
      function = "pipeline_upsert"
      pattern = {
        source        = ["aws.s3"]
        "detail-type" = ["Object Created"]
        detail = {
          bucket = { name = [aws_s3_bucket.platform.id] }
          object = { key = [for file in ["definition", "schedule", "configuration.schema"] : { wildcard = "pipelines/*/${file}.json" }] }
        }
      }
    }
    # New data: a pipeline that is to be started by it is, once no more comes.
    loaded = {
      function = "pipeline_upsert"
      pattern = {
        source        = ["aws.s3"]
        "detail-type" = ["Object Created"]
        detail = {
          bucket = { name = [aws_s3_bucket.platform.id] }
          object = { key = [{ wildcard = "pipelines/*/data/*" }] }
        }
      }
    }
    # The last mandatory key was set: the schedule may run now.
    configured = {
      function = "pipeline_upsert"
      pattern = {
        source        = ["aws.ssm"]
        "detail-type" = ["Parameter Store Change"]
        detail        = { name = [{ prefix = "/sagemaker/" }], operation = ["Create", "Update"] }
      }
    }
  }
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.events

  name          = "${local.platform}-${each.key}"
  event_pattern = jsonencode(each.value.pattern)
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.events

  rule = aws_cloudwatch_event_rule.this[each.key].name
  arn  = aws_lambda_function.this[each.value.function].arn

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 10
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_lambda_permission" "this" {
  for_each = local.events

  statement_id  = each.key
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.value.function].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this[each.key].arn
}

# An event that no function could follow, and a start that no pipeline took. They stay two weeks.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${local.platform}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

data "aws_iam_policy_document" "dead_letters" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.this : rule.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id
  policy    = data.aws_iam_policy_document.dead_letters.json
}

variable "alarm_email" {
  description = "Who is told of alarms; empty: nobody."
  type        = string
  default     = ""
}

resource "aws_sns_topic" "alarms" {
  # checkov:skip=CKV_AWS_26:CloudWatch may not use the key of SNS, and no alarm would arrive
  name = "${local.platform}-alarms"
}

resource "aws_sns_topic_subscription" "email" {
  count = var.alarm_email == "" ? 0 : 1

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${local.platform}-dead-letters"
  alarm_description   = "An event was followed by nothing: read the queue ${aws_sqs_queue.dead_letters.name} and the functions' logs."
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
    QueueName = aws_sqs_queue.dead_letters.name
  }
}

# The schedules of pipelines, which the pipeline upsert writes.
resource "aws_scheduler_schedule_group" "pipelines" {
  name = "${local.platform}-pipelines"
}

# Starts that wait for the end of new data; each fires once.
resource "aws_scheduler_schedule_group" "data" {
  name = "${local.platform}-data"
}
