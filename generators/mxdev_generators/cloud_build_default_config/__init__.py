"""The job graph for Google Cloud Build."""
