# The third execution role: the pipeline of the repository of deployments. It makes roles for what it deploys, so each of them has a boundary,
# which it may neither change nor leave out: a deployed model reads models, reads and writes its own data, and nothing else.
data "aws_iam_policy_document" "boundary" {
  # checkov:skip=CKV_AWS_111:A boundary grants nothing; the roles within it name their resources
  # checkov:skip=CKV_AWS_356:A boundary grants nothing; the roles within it name their resources
  statement {
    sid = "AtMost"
    actions = [
      "cloudwatch:PutMetricData",
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:GetAuthorizationToken",
      "ecr:GetDownloadUrlForLayer",
      "ecs:RunTask",
      "ecs:TagResource",
      "lambda:InvokeFunction",
      "logs:CreateLogStream",
      "logs:PutLogEvents",
      "sns:Publish",
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "Objects"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
    resources = [for prefix in ["models", "pipelines/*/runs", "async", "batch"] : "${aws_s3_bucket.platform.arn}/${prefix}/*"]
  }

  # A batch reads what the platform and its squads have.
  statement {
    sid       = "Inputs"
    actions   = ["s3:GetBucketLocation", "s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${local.platform}-*"]
  }

  # Terraform's state is no input.
  statement {
    sid       = "NoState"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = ["arn:${local.partition}:s3:::${local.platform}-tfstate", "arn:${local.partition}:s3:::${local.platform}-tfstate/*"]
  }

  statement {
    sid       = "Pass"
    actions   = ["iam:PassRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${local.platform}-deployed-*"]
  }
}

resource "aws_iam_policy" "boundary" {
  name        = "${local.platform}-deployed"
  description = "The most that the role of a deployed model may have."
  policy      = data.aws_iam_policy_document.boundary.json
}

resource "aws_iam_role" "deployments" {
  name                 = "${local.platform}-deployments"
  description          = "The pipeline of ${local.deployments_project}."
  assume_role_policy   = data.aws_iam_policy_document.assume_gitlab["deployments"].json
  max_session_duration = 3600

  depends_on = [aws_iam_openid_connect_provider.gitlab]
}

locals {
  # Everything that the stacks of deployments make is called so.
  deployed = {
    alarms    = "arn:${local.partition}:cloudwatch:${local.here}:alarm:${local.platform}-deployed-*"
    functions = "arn:${local.partition}:lambda:${local.here}:function:${local.platform}-deployed-*"
    mappings  = "arn:${local.partition}:lambda:${local.here}:event-source-mapping:*"
    logs      = "arn:${local.partition}:logs:${local.here}:log-group:/${local.platform}-deployed/*"
    queues    = "arn:${local.partition}:sqs:${local.here}:${local.platform}-deployed-*"
    roles     = "arn:${local.partition}:iam::${local.account}:role/${local.platform}-deployed-*"
    rules     = "arn:${local.partition}:events:${local.here}:rule/${local.platform}-deployed-*"
    schedules = "arn:${local.partition}:scheduler:${local.here}:schedule/${local.platform}-deployed*"
    group     = "arn:${local.partition}:scheduler:${local.here}:schedule-group/${local.platform}-deployed*"
    topics    = "arn:${local.partition}:sns:${local.here}:${local.platform}-deployed-*"
    ecs       = "arn:${local.partition}:ecs:${local.here}:*/${local.platform}-deployed*"
    balancer  = "arn:${local.partition}:elasticloadbalancing:${local.here}:*"
    groups    = "arn:${local.partition}:ec2:${local.here}:*"
  }
}

data "aws_iam_policy_document" "deployments" {
  # checkov:skip=CKV_AWS_109:Roles are made with the boundary only, and policies are put on those roles only
  # checkov:skip=CKV_AWS_111:What Terraform only looks at, and task definitions, have no resource to name
  # checkov:skip=CKV_AWS_356:What Terraform only looks at, and task definitions, have no resource to name
  statement {
    sid = "Look"
    actions = [
      "application-autoscaling:Describe*",
      "application-autoscaling:ListTagsForResource",
      "cloudwatch:DescribeAlarms",
      "ec2:Describe*",
      "ecs:DescribeTaskDefinition",
      "ecs:ListTaskDefinitions",
      "elasticloadbalancing:Describe*",
      "lambda:GetEventSourceMapping",
      "lambda:ListEventSourceMappings",
      "lambda:ListTags",
      "logs:DescribeLogGroups",
      "logs:ListTagsForResource",
    ]
    resources = ["*"]
  }

  # They take no resource when they are made.
  statement {
    sid = "Tasks"
    actions = [
      "application-autoscaling:DeleteScalingPolicy",
      "application-autoscaling:DeregisterScalableTarget",
      "application-autoscaling:PutScalingPolicy",
      "application-autoscaling:RegisterScalableTarget",
      "application-autoscaling:TagResource",
      "ecs:DeregisterTaskDefinition",
      "ecs:RegisterTaskDefinition",
      "lambda:CreateEventSourceMapping",
    ]
    resources = ["*"]
  }

  statement {
    sid = "Deploy"
    actions = [
      "cloudwatch:DeleteAlarms",
      "cloudwatch:ListTagsForResource",
      "cloudwatch:PutMetricAlarm",
      "cloudwatch:TagResource",
      "ecs:*Cluster*",
      "ecs:*Service*",
      "ecs:ListTagsForResource",
      "ecs:TagResource",
      "events:DeleteRule",
      "events:DescribeRule",
      "events:ListTagsForResource",
      "events:ListTargetsByRule",
      "events:PutRule",
      "events:PutTargets",
      "events:RemoveTargets",
      "events:TagResource",
      "lambda:AddPermission",
      "lambda:CreateFunction",
      "lambda:DeleteEventSourceMapping",
      "lambda:DeleteFunction",
      "lambda:GetFunction*",
      "lambda:GetPolicy",
      "lambda:ListVersionsByFunction",
      "lambda:RemovePermission",
      "lambda:TagResource",
      "lambda:UpdateEventSourceMapping",
      "lambda:UpdateFunction*",
      "logs:CreateLogGroup",
      "logs:DeleteLogGroup",
      "logs:PutRetentionPolicy",
      "logs:TagResource",
      "scheduler:*Schedule",
      "scheduler:*ScheduleGroup",
      "scheduler:ListTagsForResource",
      "scheduler:TagResource",
      "sns:*Topic",
      "sns:GetSubscriptionAttributes",
      "sns:GetTopicAttributes",
      "sns:ListTagsForResource",
      "sns:SetTopicAttributes",
      "sns:Subscribe",
      "sns:Unsubscribe",
      "sns:TagResource",
      "sqs:*Queue",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ListQueueTags",
      "sqs:SetQueueAttributes",
    ]
    resources = [for kind, arn in local.deployed : arn if !contains(["roles", "balancer", "groups"], kind)]
  }

  # Rules and target groups at the platform's listener; the load balancer itself stays.
  statement {
    sid = "Paths"
    actions = [
      "elasticloadbalancing:AddTags",
      "elasticloadbalancing:CreateRule",
      "elasticloadbalancing:CreateTargetGroup",
      "elasticloadbalancing:DeleteRule",
      "elasticloadbalancing:DeleteTargetGroup",
      "elasticloadbalancing:ModifyRule",
      "elasticloadbalancing:ModifyTargetGroup",
      "elasticloadbalancing:ModifyTargetGroupAttributes",
    ]
    resources = [
      "${local.deployed.balancer}:targetgroup/*",
      "${local.deployed.balancer}:listener-rule/app/${local.platform}/*",
      aws_lb_listener.https.arn,
    ]
  }

  statement {
    sid = "SecurityGroups"
    actions = [
      "ec2:AuthorizeSecurityGroupEgress",
      "ec2:AuthorizeSecurityGroupIngress",
      "ec2:CreateSecurityGroup",
      "ec2:CreateTags",
      "ec2:DeleteSecurityGroup",
      "ec2:RevokeSecurityGroupEgress",
      "ec2:RevokeSecurityGroupIngress",
    ]
    resources = [
      "${local.deployed.groups}:security-group/*",
      "${local.deployed.groups}:security-group-rule/*",
      aws_vpc.this.arn,
    ]
  }

  statement {
    sid       = "MakeRoles"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary"]
    resources = [local.deployed.roles]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [aws_iam_policy.boundary.arn]
    }
  }

  statement {
    sid = "Roles"
    actions = [
      "iam:DeleteRole",
      "iam:DeleteRolePolicy",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole",
      "iam:ListRolePolicies",
      "iam:PassRole",
      "iam:PutRolePolicy",
      "iam:TagRole",
      "iam:UpdateAssumeRolePolicy",
    ]
    resources = [local.deployed.roles]
  }

  # The first service of an account makes them.
  statement {
    sid       = "ServiceRoles"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/aws-service-role/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com"]
    }
  }

  statement {
    sid       = "State"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["arn:${local.partition}:s3:::${local.platform}-tfstate/deployments/*"]
  }

  statement {
    sid       = "StateBucket"
    actions   = ["s3:ListBucket"]
    resources = ["arn:${local.partition}:s3:::${local.platform}-tfstate"]
  }

  statement {
    sid       = "Platform"
    actions   = ["ssm:GetParameter"]
    resources = [aws_ssm_parameter.outputs.arn]
  }
}

resource "aws_iam_policy" "deployments" {
  name        = "${local.platform}-deployments"
  description = "What the pipeline of deployments may change."
  policy      = data.aws_iam_policy_document.deployments.json
}

resource "aws_iam_role_policy_attachment" "deployments" {
  role       = aws_iam_role.deployments.name
  policy_arn = aws_iam_policy.deployments.arn
}

# What the stacks of deployments build on.
resource "aws_ssm_parameter" "outputs" {
  # checkov:skip=CKV2_AWS_34:Names and identifiers are no secrets
  name        = "/${local.platform}/platform"
  description = "What deployments build on; written by the platform's Terraform."
  type        = "String"

  value = jsonencode({
    bucket           = aws_s3_bucket.platform.id
    boundary         = aws_iam_policy.boundary.arn
    hostname         = local.hostname
    listener         = aws_lb_listener.https.arn
    balancer_group   = aws_security_group.balancer.id
    vpc              = aws_vpc.this.id
    private_subnets  = aws_subnet.private[*].id
    registries       = local.registries
    experiments_role = aws_iam_role.experiments.arn
    training_role    = aws_iam_role.training.arn
    step_groups      = { for kind, group in aws_security_group.steps : kind => group.id }
    studio_domain    = aws_sagemaker_domain.this.id
    publish_role     = aws_iam_role.publish.arn
  })
}
