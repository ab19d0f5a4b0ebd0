# Jobs of GitLab get a role for an hour by their identity token; no key lies anywhere.
variable "create_identity_provider" {
  description = "Whether AWS is yet to be told of the GitLab server; an account has one provider for it."
  type        = bool
  default     = true
}

locals {
  gitlab_host  = trimprefix(local.gitlab, "https://")
  provider_arn = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.gitlab_host}"
  # Who gets which role: the pipeline of deployments on main; and, to publish, every repository of the group on main or master, and its tags.
  subjects = {
    deployments = ["project_path:${local.deployments_project}:ref_type:branch:ref:main"]
    publish = [
      "project_path:${local.gitlab_group}/*:ref_type:branch:ref:main",
      "project_path:${local.gitlab_group}/*:ref_type:branch:ref:master",
      "project_path:${local.gitlab_group}/*:ref_type:tag:ref:*",
    ]
  }
}

resource "aws_iam_openid_connect_provider" "gitlab" {
  count = var.create_identity_provider ? 1 : 0

  url            = local.gitlab
  client_id_list = [local.gitlab]
}

data "aws_iam_policy_document" "assume_gitlab" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.gitlab_host}:aud"
      values   = [local.gitlab]
    }

    condition {
      test     = each.key == "publish" ? "StringLike" : "StringEquals"
      variable = "${local.gitlab_host}:sub"
      values   = each.value
    }
  }
}

# --- publish: what pipelines of experiments and of training push ---

data "aws_iam_policy_document" "publish" {
  # checkov:skip=CKV_AWS_356:The login of ECR has no resource to name
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [local.registries]
  }

  statement {
    sid       = "Definitions"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.platform.arn}/pipelines/*"]
  }

  statement {
    sid       = "Bucket"
    actions   = ["s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket"]
    resources = [aws_s3_bucket.platform.arn]
  }

  # CI makes the configuration empty; people fill it.
  statement {
    sid       = "Configuration"
    actions   = ["ssm:AddTagsToResource", "ssm:GetParameter", "ssm:PutParameter"]
    resources = [local.configurations]
  }

  # The group that a pipeline's models are registered in.
  statement {
    sid       = "Group"
    actions   = ["sagemaker:CreateModelPackageGroup", "sagemaker:DescribeModelPackageGroup"]
    resources = ["arn:${local.partition}:sagemaker:${local.here}:model-package-group/*"]
  }

  # Versions of the kernels that Studio offers; the images are made with the squad.
  statement {
    sid = "Kernels"
    actions = [
      "sagemaker:AddTags",
      "sagemaker:CreateImageVersion",
      "sagemaker:DescribeImage",
      "sagemaker:DescribeImageVersion",
    ]
    resources = [for kind in ["image", "image-version"] : "arn:${local.partition}:sagemaker:${local.here}:${kind}/${local.platform}-*"]
  }
}

resource "aws_iam_role" "publish" {
  name                 = "${local.platform}-publish"
  description          = "Pipelines on GitLab that push images and upload definitions."
  assume_role_policy   = data.aws_iam_policy_document.assume_gitlab["publish"].json
  max_session_duration = 3600

  depends_on = [aws_iam_openid_connect_provider.gitlab]
}

resource "aws_iam_role_policy" "publish" {
  name   = "publish"
  role   = aws_iam_role.publish.id
  policy = data.aws_iam_policy_document.publish.json
}
