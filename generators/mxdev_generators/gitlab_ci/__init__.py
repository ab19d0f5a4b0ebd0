"""The job graph for GitLab CI/CD."""
