"""A plan of Terraform: made, saved, read, shown, and what of it is billed."""
