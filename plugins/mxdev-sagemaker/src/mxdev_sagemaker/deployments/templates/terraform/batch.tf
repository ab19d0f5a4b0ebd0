# batch: a schedule starts tasks, which share the work and write OUTPUT/YYYY-MM-DD/_SUCCESS when all of it is done. While they work they say how
# many minutes too late they will be (the metric MinutesLate); at the deadline a function looks for _SUCCESS.
locals {
  batch = {
    for key, file in local.files.batch : key => {
      input    = file.input
      output   = try(file.output, "s3://${local.shared.bucket}/batch/${file.model}/${file.version}")
      buckets  = distinct([for url in [file.input, try(file.output, "s3://${local.shared.bucket}/")] : split("/", url)[2]])
      schedule = file.schedule
      timezone = try(file.timezone, "UTC")
      done_by  = file.done_by
      # The same days, at the deadline.
      deadline = format("cron(%d %d %s)", split(":", file.done_by)[1], split(":", file.done_by)[0], join(" ", slice(split(" ", trimsuffix(file.schedule, ")")), 2, 6)))
      tasks    = try(file.tasks, 1)
      cpu      = try(file.cpu, 512)
      memory   = try(file.memory, 1024)
    }
  }
}

resource "aws_ecs_task_definition" "batch" {
  # checkov:skip=CKV_AWS_336:A job unpacks its model into its own file system
  for_each = local.batch

  family                   = "${local.prefix}-${local.all["batch/${each.key}"].short}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.deployment["batch/${each.key}"].arn

  container_definitions = jsonencode([merge({
    name      = "batch"
    image     = local.files.batch[each.key].image
    essential = true
    environment = [
      for name, value in merge(local.all["batch/${each.key}"].environment, {
        INPUT             = each.value.input
        OUTPUT            = each.value.output
        TIMEZONE          = each.value.timezone
        DONE_BY           = each.value.done_by
        TASKS             = tostring(each.value.tasks)
        METRICS_NAMESPACE = local.prefix
      }) : { name = name, value = value }
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this["batch/${each.key}"].name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "batch"
      }
    }
  }, can(local.files.batch[each.key].command) ? { command = local.files.batch[each.key].command } : {})])
}

resource "aws_scheduler_schedule_group" "batch" {
  name = "${local.prefix}-batch"
}

resource "aws_scheduler_schedule" "batch" {
  # checkov:skip=CKV_AWS_297:A schedule has names, no secrets
  for_each = local.batch

  name                         = local.all["batch/${each.key}"].short
  description                  = "Starts the batch ${each.key}."
  group_name                   = aws_scheduler_schedule_group.batch.name
  schedule_expression          = each.value.schedule
  schedule_expression_timezone = each.value.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.scheduler.arn

    # jsonencode writes < and > in another way, in which Scheduler does not see what it has to fill in.
    input = replace(replace(jsonencode({
      containerOverrides = [{
        name        = "batch"
        environment = [{ name = "SCHEDULED_TIME", value = "<aws.scheduler.scheduled-time>" }]
      }]
    }), "\\u003c", "<"), "\\u003e", ">")

    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.batch[each.key].arn
      launch_type         = "FARGATE"
      task_count          = each.value.tasks
      propagate_tags      = "TASK_DEFINITION"

      network_configuration {
        subnets          = local.shared.private_subnets
        security_groups  = [aws_security_group.tasks.id]
        assign_public_ip = false
      }
    }

    retry_policy {
      maximum_retry_attempts       = 5
      maximum_event_age_in_seconds = 900
    }

    dead_letter_config {
      arn = aws_sqs_queue.starts.arn
    }
  }
}

resource "aws_scheduler_schedule" "deadline" {
  # checkov:skip=CKV_AWS_297:A schedule has names, no secrets
  for_each = local.batch

  name                         = "${local.all["batch/${each.key}"].short}-deadline"
  description                  = "Looks whether the batch ${each.key} is done."
  group_name                   = aws_scheduler_schedule_group.batch.name
  schedule_expression          = each.value.deadline
  schedule_expression_timezone = each.value.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.deadline.arn
    role_arn = aws_iam_role.scheduler.arn

    input = replace(replace(jsonencode({
      model     = local.files.batch[each.key].model
      version   = local.files.batch[each.key].version
      output    = each.value.output
      timezone  = each.value.timezone
      done_by   = each.value.done_by
      log_group = aws_cloudwatch_log_group.this["batch/${each.key}"].name
      scheduled = "<aws.scheduler.scheduled-time>"
    }), "\\u003c", "<"), "\\u003e", ">")

    retry_policy {
      maximum_retry_attempts       = 5
      maximum_event_age_in_seconds = 900
    }

    dead_letter_config {
      arn = aws_sqs_queue.starts.arn
    }
  }
}

# It will be late: the job says so as soon as it knows.
resource "aws_cloudwatch_metric_alarm" "late" {
  for_each = local.batch

  alarm_name          = "${local.prefix}-${local.all["batch/${each.key}"].short}-late"
  alarm_description   = "The batch ${each.key} will not be done by ${each.value.done_by} (${each.value.timezone})."
  namespace           = local.prefix
  metric_name         = "MinutesLate"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dimensions = {
    Model   = local.files.batch[each.key].model
    Version = local.files.batch[each.key].version
  }
}

# A task that ended badly.
resource "aws_cloudwatch_event_rule" "failed" {
  name = "${local.prefix}-failed"

  event_pattern = jsonencode({
    source        = ["aws.ecs"]
    "detail-type" = ["ECS Task State Change"]
    detail = {
      clusterArn = [aws_ecs_cluster.this.arn]
      lastStatus = ["STOPPED"]
      containers = { name = ["batch"], exitCode = [{ "anything-but" = [0] }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "failed" {
  rule = aws_cloudwatch_event_rule.failed.name
  arn  = aws_sns_topic.alarms.arn
}
