# What the environment production has of its own: `mx infra plan -E production`. All else is as terraform.tfvars says; set what
# shall differ, such as gpu_nodes, here.

project_id    = "everything-production"
name          = "everything-production"
bucket_prefix = "everything-production"

service_accounts = {
  nodes   = "everything-production-nodes"
  trainer = "everything-production-trainer"
  mlflow  = "everything-production-mlflow"
}
