"""YAML as people write it: read, compared and changed without losing a comment."""
