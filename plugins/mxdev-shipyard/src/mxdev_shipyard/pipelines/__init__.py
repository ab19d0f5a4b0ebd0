"""The repositories of the platform: central pipelines, and the one that onboards."""
