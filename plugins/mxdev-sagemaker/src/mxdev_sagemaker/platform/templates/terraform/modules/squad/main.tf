data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

data "aws_region" "this" {}

locals {
  buckets = "arn:${data.aws_partition.this.partition}:s3:::${var.platform}-${var.name}-*-${data.aws_caller_identity.this.account_id}"
}

# SageMaker's link to the repository: Studio offers it to clone. The repository itself is made on GitLab, by the first push of
# `mx generate Experiment`.
resource "aws_sagemaker_code_repository" "this" {
  for_each = var.experiments

  code_repository_name = "${var.platform}-${var.name}-${each.value}"

  git_config {
    repository_url = "${var.git}/${each.value}.git"
    secret_arn     = var.git_secret
  }
}

locals {
  images = setunion(var.experiments, [
    for pair in setproduct(var.pipelines, ["processing", "training", "evaluation", "registration"]) : join("-", pair)
  ])
}

# The kernels of experiments, and the steps of training pipelines.
resource "aws_ecr_repository" "this" {
  # checkov:skip=CKV_AWS_136:The keys of ECR are enough here, and cost nothing
  for_each = local.images

  name                 = "${var.platform}/${var.name}/${each.value}"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = aws_ecr_repository.this

  repository = each.value.name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Images without a tag are what is left of a push that failed."
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    }]
  })
}

# Every version stays: an experiment can be run again with the bytes that it had.
resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:The access log of a bucket needs another bucket, whose own has none; CloudTrail has it
  # checkov:skip=CKV_AWS_144:One region is enough for experiments
  # checkov:skip=CKV_AWS_145:The keys of S3 are enough here, and cost nothing
  # checkov:skip=CKV2_AWS_62:Nothing waits for what an experiment writes
  for_each = var.experiments

  bucket = "${var.platform}-${var.name}-${each.value}-${data.aws_caller_identity.this.account_id}"
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = aws_s3_bucket.this

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id

  rule {
    id     = "old"
    status = "Enabled"

    filter {}

    # Old versions are kept, in cheaper storage.
    noncurrent_version_transition {
      noncurrent_days = 60
      storage_class   = "STANDARD_IA"
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_sagemaker_user_profile" "this" {
  for_each = var.members

  domain_id         = var.domain_id
  user_profile_name = "${var.name}-${each.value}"

  user_settings {
    execution_role = var.execution_role

    # The times are the domain's. They are said again, because the kernels of the squad are settings of the same app.
    jupyter_lab_app_settings {
      app_lifecycle_management {
        idle_settings {
          lifecycle_management        = "ENABLED"
          idle_timeout_in_minutes     = var.idle.minutes
          min_idle_timeout_in_minutes = var.idle.minutes
          max_idle_timeout_in_minutes = var.idle.at_most
        }
      }

      # Without a number it is the newest version.
      dynamic "custom_image" {
        for_each = aws_sagemaker_image_version.this

        content {
          image_name            = custom_image.value.image_name
          app_image_config_name = aws_sagemaker_app_image_config.this[custom_image.key].app_image_config_name
        }
      }
    }
  }
}

# Experiments write; training pipelines read.
data "aws_iam_policy_document" "buckets" {
  for_each = {
    write = ["s3:DeleteObject", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
    read  = ["s3:GetObject", "s3:GetObjectVersion"]
  }

  statement {
    sid       = "Objects"
    actions   = each.value
    resources = ["${local.buckets}/*"]
  }

  statement {
    sid       = "Buckets"
    actions   = ["s3:GetBucketLocation", "s3:GetBucketVersioning", "s3:ListBucket", "s3:ListBucketVersions"]
    resources = [local.buckets]
  }
}

resource "aws_iam_role_policy" "buckets" {
  for_each = var.role_names

  name   = "squad-${var.name}"
  role   = each.value
  policy = data.aws_iam_policy_document.buckets[each.key].json
}
