"""Runs of MLflow as jobs on a cluster."""
