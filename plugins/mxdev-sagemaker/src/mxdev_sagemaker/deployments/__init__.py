"""The repository of deployments: one small file a model and version, and the stacks that read them."""
