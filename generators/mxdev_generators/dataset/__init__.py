"""The generator Dataset."""
