# A machine-learning project.
#
# The project's answers, from mx.yaml. Everything else has a default in variables.tf; set your own values
# here or in a file of your own, such as team.auto.tfvars.

project_id = "everything"
region     = "europe-west4"

# Empty: a regional cluster, whose control plane survives the loss of a zone. A zone such as
# "europe-west4-a" gives a cheaper cluster in that zone alone.
zone = ""

name          = "everything"
bucket_prefix = "everything"

service_accounts = {
  nodes   = "everything-nodes"
  trainer = "everything-trainer"
  mlflow  = "everything-mlflow"
}

accelerator = "nvidia-l4"

# Who works on this project, by the address of their Google account.
engineers = [
  # Ada Lovelace
  "ada@example.com",
]
