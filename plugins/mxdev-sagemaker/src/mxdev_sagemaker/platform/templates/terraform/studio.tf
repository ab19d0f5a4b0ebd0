# Notebooks that nobody uses stop by themselves. Studio asks the image whether it is idle: SageMaker Distribution answers, from version 2 on, and so
# does every image that has jupyter-activity-monitor-extension 0.3.1 or later; base/Dockerfile is one. Each kind of app is switched on for itself.
locals {
  # A person may choose between them.
  idle = { minutes = 60, at_most = 240 }
}

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
          idle_timeout_in_minutes     = local.idle.minutes
          min_idle_timeout_in_minutes = local.idle.minutes
          max_idle_timeout_in_minutes = local.idle.at_most
        }
      }
    }

    code_editor_app_settings {
      app_lifecycle_management {
        idle_settings {
          lifecycle_management        = "ENABLED"
          idle_timeout_in_minutes     = local.idle.minutes
          min_idle_timeout_in_minutes = local.idle.minutes
          max_idle_timeout_in_minutes = local.idle.at_most
        }
      }
    }
  }

  default_space_settings {
    execution_role = aws_iam_role.experiments.arn

    jupyter_lab_app_settings {
      app_lifecycle_management {
        idle_settings {
          lifecycle_management        = "ENABLED"
          idle_timeout_in_minutes     = local.idle.minutes
          min_idle_timeout_in_minutes = local.idle.minutes
          max_idle_timeout_in_minutes = local.idle.at_most
        }
      }
    }
  }

  # The home folders of notebooks outlive the domain.
  retention_policy {
    home_efs_file_system = "Retain"
  }
}
