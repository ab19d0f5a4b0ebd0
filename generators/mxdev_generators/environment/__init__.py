"""The generator Environment."""
