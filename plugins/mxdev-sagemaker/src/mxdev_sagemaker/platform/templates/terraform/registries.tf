# What all squads build on. base: the image under every kernel of an experiment; steps: the images of pipelines' steps; serving: the image
# under every deployed model. A squad's own registries are made by its module.
resource "aws_ecr_repository" "this" {
  # checkov:skip=CKV_AWS_136:The keys of ECR are enough here, and cost nothing
  for_each = toset(["base", "steps", "serving"])

  name                 = "${local.platform}/${each.value}"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

# The tag that the platform's pipeline builds of base/Dockerfile.
locals {
  base_image = "${aws_ecr_repository.this["base"].repository_url}:${trimspace(file("${path.module}/../base/version"))}"
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

# Functions of the kind async are made of images in it.
data "aws_iam_policy_document" "serving" {
  statement {
    sid     = "Functions"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [local.deployed.functions]
    }
  }
}

resource "aws_ecr_repository_policy" "serving" {
  repository = aws_ecr_repository.this["serving"].name
  policy     = data.aws_iam_policy_document.serving.json
}
