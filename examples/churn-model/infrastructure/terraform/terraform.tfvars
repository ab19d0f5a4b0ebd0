# A machine-learning project.
#
# The project's answers, from mx.yaml. Everything else has a default in variables.tf; set your own values
# here or in a file of your own, such as team.auto.tfvars.

project_id = "churn-model"
region     = "europe-west4"

# A cluster in one zone costs a third while nothing runs. Empty: a regional one, whose control plane survives the loss of
# a zone. Changing it makes a new cluster.
zone = "europe-west4-b"

name          = "churn-model"
bucket_prefix = "churn-model"

service_accounts = {
  nodes   = "churn-model-nodes"
  trainer = "churn-model-trainer"
  mlflow  = "churn-model-mlflow"
}

accelerator = "none"
gpu_driver  = "google"

# Who works on this project, by the address of their Google account.
engineers = []

# Of them those who install operators in the cluster and say what CI may do there (roles/container.admin); the owner of
# the cloud project may, too.
leads = []
