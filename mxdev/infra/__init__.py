"""`mx infra`: the project's Terraform: plan, apply, destroy, outputs, locks, what is billed."""
