output "bucket" {
  description = "Where pipelines' definitions are uploaded to: s3://BUCKET/pipelines/NAME/definition.json."
  value       = aws_s3_bucket.platform.id
}

output "registries" {
  description = "The registries of images that all squads build on."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "execution_roles" {
  description = "The roles of experiments, of training pipelines and of deployment pipelines."
  value = {
    experiments = aws_iam_role.experiments.arn
    training    = aws_iam_role.training.arn
    deployments = aws_iam_role.deployments.arn
  }
}

output "private_subnets" {
  description = "The subnets of pipelines' steps."
  value       = aws_subnet.private[*].id
}

output "step_groups" {
  description = "The security group of each kind of step."
  value       = { for kind, group in aws_security_group.steps : kind => group.id }
}

output "publish_role" {
  description = "For the variable AWS_ROLE_ARN of the squads' group on GitLab; it is no secret."
  value       = aws_iam_role.publish.arn
}

output "balancer" {
  description = "The name of the load balancer: make a CNAME record of it for the hostname."
  value       = aws_lb.this.dns_name
}

output "gitlab_token_secret" {
  description = "The secret that waits for the token of the project of deployments."
  value       = aws_secretsmanager_secret.gitlab.name
}
