# The kernel of each experiment, which Studio offers to the squad's members in JupyterLab.
resource "aws_sagemaker_image" "this" {
  for_each = var.experiments

  image_name  = "${var.platform}-${var.name}-${each.value}"
  description = "The kernel of the experiment ${each.value}: its pipeline adds a version when its dependencies change."
  role_arn    = var.execution_role
}

# The first version is the shared base image: Studio takes no image without a version. Later ones are those of the experiment's pipeline.
resource "aws_sagemaker_image_version" "this" {
  for_each = aws_sagemaker_image.this

  image_name = each.value.image_name
  base_image = var.base_image

  lifecycle {
    # Another base image would replace this version, and it would be newer than the experiment's own.
    ignore_changes = [base_image]
  }
}

resource "aws_sagemaker_app_image_config" "this" {
  for_each = var.experiments

  app_image_config_name = "${var.platform}-${var.name}-${each.value}"

  # The user, the group and the home folder are those that Studio takes by itself.
  jupyter_lab_image_config {}
}
