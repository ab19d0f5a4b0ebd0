"""What runs in the project's interpreter, beside MLflow."""
