"""The job graph for GitHub Actions."""
