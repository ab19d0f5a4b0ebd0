# Terraform's state: name a bucket of yours before the first apply, or it stays on this disk.
#
# terraform {
#   backend "s3" {
#     bucket       = "acme-tfstate"
#     key          = "ec2/terraform.tfstate"
#     region       = "eu-central-1"
#     use_lockfile = true
#   }
# }
