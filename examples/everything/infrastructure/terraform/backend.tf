# Terraform's state. The backend locks it: a second `terraform apply` stops, or waits with -lock-timeout.
# A backend cannot use variables. The bucket is made by ./bootstrap.sh, which reads its name here.
terraform {
  backend "gcs" {
    bucket = "everything-tfstate"
    prefix = "everything"
  }
}
