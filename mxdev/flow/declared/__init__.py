"""What a project's `MLproject` declares, and values of its configuration that it does not."""
