# Notebooks that nobody uses stop by themselves.
resource "aws_sagemaker_domain" "this" {
  # checkov:skip=CKV_AWS_187:The keys of EFS are enough here, and cost nothing
  domain_name             = local.platform
  auth_mode               = "IAM"
  vpc_id                  = aws_vpc.this.id
  subnet_ids              = aws_subnet.private[*].id
  app_network_access_type = "VpcOnly"

  default_user_settings {
    execution_role  = aws_iam_role.experiments.arn
    security_groups = [aws_security_group.studio.id]

    jupyter_lab_app_settings {
      app_lifecycle_management {
        idle_settings {
          lifecycle_management        = "ENABLED"
          idle_timeout_in_minutes     = 60
          min_idle_timeout_in_minutes = 60
          max_idle_timeout_in_minutes = 240
        }
      }
    }
  }

  default_space_settings {
    execution_role = aws_iam_role.experiments.arn
  }

  # The home folders of notebooks outlive the domain.
  retention_policy {
    home_efs_file_system = "Retain"
  }
}
