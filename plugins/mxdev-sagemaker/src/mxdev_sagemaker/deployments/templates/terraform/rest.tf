# rest: tasks on Fargate behind the platform's load balancer, at https://HOST/predictions/MODEL/VERSION/*. The load balancer hands the whole path
# on, so the service must answer below ROOT_PATH; it is healthy if ROOT_PATH/health says 200.
locals {
  rest = {
    for key, file in local.files.rest : key => {
      path      = "/predictions/${file.model}/${file.version}"
      cpu       = try(file.cpu, 512)
      memory    = try(file.memory, 1024)
      count     = try(file.count, 1)
      max_count = try(file.max_count, file.count, 1)
    }
  }
}

resource "aws_ecs_cluster" "this" {
  name = local.prefix

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_security_group" "tasks" {
  name        = "${local.prefix}-tasks"
  description = "Tasks of deployed models."
  vpc_id      = local.shared.vpc
}

resource "aws_vpc_security_group_ingress_rule" "balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "The load balancer only."
  referenced_security_group_id = local.shared.balancer_group
  from_port                    = 8080
  to_port                      = 8080
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  security_group_id = aws_security_group.tasks.id
  description       = "To AWS, for models, images and logs."
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_ecs_task_definition" "rest" {
  # checkov:skip=CKV_AWS_336:A service unpacks its model into its own file system
  for_each = local.rest

  family                   = "${local.prefix}-${local.all["rest/${each.key}"].short}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.deployment["rest/${each.key}"].arn

  container_definitions = jsonencode([merge({
    name         = "serve"
    image        = local.files.rest[each.key].image
    essential    = true
    portMappings = [{ containerPort = 8080, protocol = "tcp" }]
    environment = [
      for name, value in merge(local.all["rest/${each.key}"].environment, { PORT = "8080", ROOT_PATH = each.value.path }) :
      { name = name, value = value }
    ]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.this["rest/${each.key}"].name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "serve"
      }
    }
  }, can(local.files.rest[each.key].command) ? { command = local.files.rest[each.key].command } : {})])
}

resource "aws_lb_target_group" "rest" {
  # checkov:skip=CKV_AWS_378:HTTPS ends at the load balancer; the tasks are in its network only
  for_each = local.rest

  name                 = local.all["rest/${each.key}"].short
  port                 = 8080
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = local.shared.vpc
  deregistration_delay = 30

  health_check {
    path                = "${each.value.path}/health"
    interval            = 15
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

# No two paths overlap, so it does not matter in which order the load balancer looks at them.
resource "aws_lb_listener_rule" "rest" {
  for_each = local.rest

  listener_arn = local.shared.listener

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.rest[each.key].arn
  }

  condition {
    path_pattern {
      values = ["${each.value.path}/*"]
    }
  }
}

# A version that does not become healthy is taken back by itself.
resource "aws_ecs_service" "rest" {
  for_each = local.rest

  name                              = local.all["rest/${each.key}"].short
  cluster                           = aws_ecs_cluster.this.id
  task_definition                   = aws_ecs_task_definition.rest[each.key].arn
  desired_count                     = each.value.count
  launch_type                       = "FARGATE"
  propagate_tags                    = "SERVICE"
  health_check_grace_period_seconds = 120

  network_configuration {
    subnets         = local.shared.private_subnets
    security_groups = [aws_security_group.tasks.id]
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.rest[each.key].arn
    container_name   = "serve"
    container_port   = 8080
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  # scaling.tf decides.
  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_lb_listener_rule.rest, aws_iam_role_policy.execution, aws_iam_role_policy.deployment]
}
