# A machine-learning project.
#
# The project's answers, from mx.yaml. Everything else has a default in variables.tf; set your own values
# here or in a file of your own, such as team.auto.tfvars.

project_id = "everything"
region     = "europe-west4"

# A cluster in one zone costs a third while nothing runs. Empty: a regional one, whose control plane survives the loss of
# a zone. Changing it makes a new cluster.
zone = "europe-west4-b"

name          = "everything"
bucket_prefix = "everything"

service_accounts = {
  nodes   = "everything-nodes"
  trainer = "everything-trainer"
  mlflow  = "everything-mlflow"
}

accelerator = "nvidia-l4"
gpu_driver  = "google"

# Who works on this project, by the address of their Google account.
engineers = [
  # Ada Lovelace
  "ada@example.com",
]

# Of them those who install operators in the cluster and say what CI may do there (roles/container.admin); the owner of
# the cloud project may, too.
leads = []
