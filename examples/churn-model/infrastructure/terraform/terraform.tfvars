# A machine-learning project.
#
# The project's answers, from mx.yaml. Everything else has a default in variables.tf; set your own values
# here or in a file of your own, such as team.auto.tfvars.

project_id = "churn-model"
region     = "europe-west4"

# Empty: a regional cluster, whose control plane survives the loss of a zone. A zone such as
# "europe-west4-a" gives a cheaper cluster in that zone alone.
zone = ""

name          = "churn-model"
bucket_prefix = "churn-model"

service_accounts = {
  nodes   = "churn-model-nodes"
  trainer = "churn-model-trainer"
  mlflow  = "churn-model-mlflow"
}

accelerator = "none"

# Who works on this project, by the address of their Google account.
engineers = []
