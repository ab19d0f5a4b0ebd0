# Definitions of pipelines, models, and what deployments read and write: pipelines/NAME/, models/NAME/, async/, batch/.
resource "aws_s3_bucket" "platform" {
  # checkov:skip=CKV_AWS_18:The access log of a bucket needs another bucket, whose own has none; CloudTrail has it
  # checkov:skip=CKV_AWS_144:One region is enough; everything but data can be made again from Git
  # checkov:skip=CKV_AWS_145:The keys of S3 are enough here, and cost nothing
  bucket = "${local.platform}-platform-${local.account}"
}

resource "aws_s3_bucket_versioning" "platform" {
  bucket = aws_s3_bucket.platform.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "platform" {
  bucket = aws_s3_bucket.platform.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "platform" {
  bucket                  = aws_s3_bucket.platform.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "platform" {
  bucket = aws_s3_bucket.platform.id

  # Versions of definitions and models are what makes a run repeatable: they stay.
  rule {
    id     = "answers"
    status = "Enabled"

    filter {
      prefix = "async/"
    }

    expiration {
      days = 30
    }

    noncurrent_version_expiration {
      noncurrent_days = 7
    }
  }

  rule {
    id     = "uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.platform]
}

# An upload is an event, which starts the pipeline upsert.
resource "aws_s3_bucket_notification" "platform" {
  bucket      = aws_s3_bucket.platform.id
  eventbridge = true
}

data "aws_iam_policy_document" "https" {
  statement {
    sid       = "HttpsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.platform.arn, "${aws_s3_bucket.platform.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "platform" {
  bucket = aws_s3_bucket.platform.id
  policy = data.aws_iam_policy_document.https.json

  depends_on = [aws_s3_bucket_public_access_block.platform]
}
