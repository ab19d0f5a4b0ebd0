"""TrainingPipeline: steps as scripts, the definition that SageMaker runs, its configuration, and the ETL before it."""
