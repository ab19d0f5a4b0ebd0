"""Training jobs on Kubernetes: submit, watch, follow the logs, cancel; all through `kubectl`.

This room knows Kubernetes and nothing of MLflow; `flow` knows MLflow and nothing of Kubernetes.
"""
