"""Training through MLflow: which interpreter, which store, how it is run and shown."""
