output "registry" {
  description = "What the names of the squad's images begin with: `registry` in the settings of its training pipelines."
  value       = "${data.aws_caller_identity.this.account_id}.dkr.ecr.${data.aws_region.this.id}.amazonaws.com/${var.platform}/${var.name}"
}

output "experiments" {
  description = "Of each experiment its bucket, its registry, its Git repository and the image that Studio offers."
  value = {
    for name in var.experiments : name => {
      bucket   = aws_s3_bucket.this[name].bucket
      registry = aws_ecr_repository.this[name].repository_url
      git      = one(aws_sagemaker_code_repository.this[name].git_config).repository_url
      kernel   = aws_sagemaker_image.this[name].image_name
    }
  }
}
