"""The ModelProject generator: the repository of one model."""
