"""What MLflow and the project's templates call things: one place for names that several files read or write."""

from __future__ import annotations

# The status of a run that is over; the others are SCHEDULED and RUNNING (MLflow's REST API, RunStatus).
ENDED = ("FINISHED", "FAILED", "KILLED")
# Tags of a run: which entry point of MLproject it is, which run it belongs to.
ENTRY_POINT = "mlflow.project.entryPoint"
PARENT = "mlflow.parentRunId"
# By backend: the template of its job, in the project.
TEMPLATES = {
    "kubernetes": "infrastructure/kubernetes/train_job.yaml",
    "distributed": "infrastructure/kubernetes/distributed_job.yaml",
}
# So much of a run's id is in its job's name, and what mx tells people to type.
SHORT = 10
# The parameter of an entry point that names another run, such as what `evaluate` evaluates.
RUN_ID = "run_id"
