output "experiments" {
  description = "Of each experiment its bucket, its registry and its Git repository."
  value = {
    for name in var.experiments : name => {
      bucket   = aws_s3_bucket.this[name].bucket
      registry = aws_ecr_repository.this[name].repository_url
      git      = one(aws_sagemaker_code_repository.this[name].git_config).repository_url
    }
  }
}
