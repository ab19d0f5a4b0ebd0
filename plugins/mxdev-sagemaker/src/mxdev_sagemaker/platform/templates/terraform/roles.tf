# Three execution roles: who experiments may run jobs and write to the experiments' buckets; a training pipeline may register a model, and not
# accept it; a deployment pipeline may change what serves models, and nothing that learns. The buckets of a squad come with its module.
variable "automatic_acceptance" {
  description = "The groups of models that tests of their pipeline may accept or refuse; for all others only people may."
  type        = list(string)
  default     = []
}

locals {
  configurations = "arn:${local.partition}:ssm:${local.here}:parameter/sagemaker/*/configuration"
  registries     = "arn:${local.partition}:ecr:${local.here}:repository/${local.platform}/*"
  logs           = "arn:${local.partition}:logs:${local.here}:log-group:/aws/sagemaker/*"
}

data "aws_iam_policy_document" "assume" {
  for_each = toset(["lambda", "sagemaker", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }

    # Not on behalf of another account; Lambda does not say for whom it assumes a role.
    dynamic "condition" {
      for_each = each.value == "lambda" ? [] : [local.account]

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

# What every job of SageMaker needs: its image, its log, its metrics, its place in the network.
data "aws_iam_policy_document" "job" {
  # checkov:skip=CKV_AWS_109:SageMaker gives its own network interfaces to its jobs, and they have no resource to name
  # checkov:skip=CKV_AWS_111:Network interfaces, metrics and the login of ECR have no resource to name
  # checkov:skip=CKV_AWS_356:Network interfaces, metrics and the login of ECR have no resource to name
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [local.registries]
  }

  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"]
    resources = [local.logs, "${local.logs}:*"]
  }

  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringLike"
      variable = "cloudwatch:namespace"
      values   = ["/aws/sagemaker/*", "aws/sagemaker/*", local.platform]
    }
  }

  statement {
    sid = "Network"
    actions = [
      "ec2:CreateNetworkInterface",
      "ec2:CreateNetworkInterfacePermission",
      "ec2:DeleteNetworkInterface",
      "ec2:DeleteNetworkInterfacePermission",
      "ec2:DescribeDhcpOptions",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSubnets",
      "ec2:DescribeVpcs",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "Models"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${aws_s3_bucket.platform.arn}/models/*", "${aws_s3_bucket.platform.arn}/pipelines/*"]
  }

  statement {
    sid       = "Configuration"
    actions   = ["ssm:GetParameter"]
    resources = [local.configurations]
  }
}

resource "aws_iam_policy" "job" {
  name        = "${local.platform}-job"
  description = "What every job of SageMaker needs."
  policy      = data.aws_iam_policy_document.job.json
}

# --- experiments ---

data "aws_iam_policy_document" "experiments" {
  # checkov:skip=CKV_AWS_356:SageMaker's search, and its lists, have no resource to name
  statement {
    sid       = "Look"
    actions   = ["sagemaker:Describe*", "sagemaker:List*", "sagemaker:Search"]
    resources = ["*"]
  }

  statement {
    sid = "Track"
    actions = [
      "sagemaker:AddAssociation",
      "sagemaker:AddTags",
      "sagemaker:AssociateTrialComponent",
      "sagemaker:BatchPutMetrics",
      "sagemaker:CreateExperiment",
      "sagemaker:CreateTrial",
      "sagemaker:CreateTrialComponent",
      "sagemaker:UpdateExperiment",
      "sagemaker:UpdateTrial",
      "sagemaker:UpdateTrialComponent",
    ]
    resources = [for kind in ["experiment", "experiment-trial", "experiment-trial-component"] : "arn:${local.partition}:sagemaker:${local.here}:${kind}/*"]
  }

  statement {
    sid       = "Notebooks"
    actions   = ["sagemaker:CreateApp", "sagemaker:CreateSpace", "sagemaker:DeleteApp", "sagemaker:DeleteSpace", "sagemaker:UpdateSpace"]
    resources = [for kind in ["app", "space"] : "arn:${local.partition}:sagemaker:${local.here}:${kind}/*"]
  }

  statement {
    sid = "Jobs"
    actions = [
      "sagemaker:CreateHyperParameterTuningJob",
      "sagemaker:CreateProcessingJob",
      "sagemaker:CreateTrainingJob",
      "sagemaker:StopHyperParameterTuningJob",
      "sagemaker:StopProcessingJob",
      "sagemaker:StopTrainingJob",
    ]
    resources = local.jobs
  }

  statement {
    sid       = "Pass"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.experiments.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }
}

locals {
  jobs     = [for kind in ["hyper-parameter-tuning-job", "processing-job", "training-job", "transform-job"] : "arn:${local.partition}:sagemaker:${local.here}:${kind}/*"]
  packages = [for kind in ["model-package", "model-package-group"] : "arn:${local.partition}:sagemaker:${local.here}:${kind}/*"]
}

resource "aws_iam_role" "experiments" {
  name               = "${local.platform}-experiments"
  description        = "Notebooks, and the jobs that they start."
  assume_role_policy = data.aws_iam_policy_document.assume["sagemaker"].json
}

resource "aws_iam_role_policy" "experiments" {
  name   = "experiments"
  role   = aws_iam_role.experiments.id
  policy = data.aws_iam_policy_document.experiments.json
}

# --- training pipelines ---

data "aws_iam_policy_document" "training" {
  statement {
    sid = "Jobs"
    actions = [
      "sagemaker:AddTags",
      "sagemaker:CreateHyperParameterTuningJob",
      "sagemaker:CreateProcessingJob",
      "sagemaker:CreateTrainingJob",
      "sagemaker:CreateTransformJob",
      "sagemaker:DescribeHyperParameterTuningJob",
      "sagemaker:DescribeProcessingJob",
      "sagemaker:DescribeTrainingJob",
      "sagemaker:DescribeTransformJob",
      "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
      "sagemaker:StopHyperParameterTuningJob",
      "sagemaker:StopProcessingJob",
      "sagemaker:StopTrainingJob",
      "sagemaker:StopTransformJob",
    ]
    resources = local.jobs
  }

  # A draft; accepting it is another action. Who registers without saying the status is refused, too.
  statement {
    sid       = "Register"
    actions   = ["sagemaker:CreateModelPackage"]
    resources = local.packages

    condition {
      test     = "StringEquals"
      variable = "sagemaker:ModelApprovalStatus"
      values   = ["PendingManualApproval"]
    }
  }

  statement {
    sid = "Groups"
    actions = [
      "sagemaker:AddTags",
      "sagemaker:CreateModelPackageGroup",
      "sagemaker:DescribeModelPackage",
      "sagemaker:DescribeModelPackageGroup",
      "sagemaker:ListModelPackages",
    ]
    resources = local.packages
  }

  dynamic "statement" {
    for_each = length(var.automatic_acceptance) == 0 ? [] : [var.automatic_acceptance]

    content {
      sid       = "Accept"
      actions   = ["sagemaker:UpdateModelPackage"]
      resources = [for group in statement.value : "arn:${local.partition}:sagemaker:${local.here}:model-package/${group}/*"]
    }
  }

  statement {
    sid       = "WriteModels"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.platform.arn}/models/*", "${aws_s3_bucket.platform.arn}/pipelines/*/runs/*"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [aws_s3_bucket.platform.arn]
  }

  statement {
    sid       = "Pass"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.training.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["sagemaker.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "training" {
  name               = "${local.platform}-training"
  description        = "Training pipelines and the jobs of their steps."
  assume_role_policy = data.aws_iam_policy_document.assume["sagemaker"].json
}

resource "aws_iam_role_policy" "training" {
  name   = "training"
  role   = aws_iam_role.training.id
  policy = data.aws_iam_policy_document.training.json
}

resource "aws_iam_role_policy_attachment" "job" {
  for_each = { experiments = aws_iam_role.experiments.name, training = aws_iam_role.training.name }

  role       = each.value
  policy_arn = aws_iam_policy.job.arn
}

# Scheduler starts pipelines, and nothing else.
data "aws_iam_policy_document" "schedules" {
  statement {
    sid       = "Start"
    actions   = ["sagemaker:StartPipelineExecution"]
    resources = ["arn:${local.partition}:sagemaker:${local.here}:pipeline/*"]
  }

  statement {
    sid       = "DeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }
}

resource "aws_iam_role" "schedules" {
  name               = "${local.platform}-schedules"
  description        = "Schedules that start training pipelines."
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler"].json
}

resource "aws_iam_role_policy" "schedules" {
  name   = "schedules"
  role   = aws_iam_role.schedules.id
  policy = data.aws_iam_policy_document.schedules.json
}
