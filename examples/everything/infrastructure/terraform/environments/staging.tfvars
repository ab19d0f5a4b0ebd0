# What the environment staging has of its own: `mx infra plan -E staging`. All else is as terraform.tfvars says; set what
# shall differ, such as gpu_nodes, here.

project_id    = "everything"
name          = "everything-staging"
bucket_prefix = "everything-everything-staging"

service_accounts = {
  nodes   = "everything-staging-nodes"
  trainer = "everything-staging-trainer"
  mlflow  = "everything-staging-mlflow"
}
