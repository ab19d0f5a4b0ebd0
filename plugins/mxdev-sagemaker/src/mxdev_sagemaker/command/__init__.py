"""`mx sagemaker`: the configuration of a pipeline, its start, and the registry of its models."""
