"""The TrainingPipeline generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click
from mxdev import Generator, Tree, argument, option
from mxdev.freetext import reveal
from mxdev.generator import Pattern, Values

from mxdev_sagemaker.names import ACCOUNT, BRANCH, PIPELINE, PLATFORM, REGION, URL, ZONE

# What the jobs of the pipeline install, exactly; the images' packages are in their requirements.
BOTO3 = "1.44.8"
# The expression of EventBridge Scheduler: six fields, or a rate.
_SCHEDULE = Pattern(
    r"cron\(\S+ \S+ \S+ \S+ \S+ \S+\)|rate\([1-9][0-9]* (?:minute|hour|day)s?\)",
    "cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR), such as cron(0 3 * * ? *), or rate(N days)",
    metavar="EXPRESSION",
)


class TrainingPipeline(Generator):
    """Train on SageMaker on a schedule: steps as scripts, a configuration that somebody owes, a draft of a model each time."""

    scope = "anywhere"
    arguments = (argument("NAME", type=PIPELINE, help="The pipeline's name, such as churn."),)
    instance_argument = "NAME"
    options = (
        option("--aws-region", type=REGION, default="eu-central-1", help="The AWS region.", ask=True),
        option("--account", type=ACCOUNT, default="123456789012", ask=True, prompt="AWS account",
               help="The AWS account; the default is an example, with which nothing is uploaded."),
        option("--platform", type=PLATFORM, default="sagemaker", ask=True, prompt="The platform's name",
               help="The platform, as SageMakerPlatform made it: its bucket, its role of training pipelines, its registry of steps."),
        option("--schedule", type=_SCHEDULE, default="cron(0 3 * * ? *)", help="When it runs: cron(...) or rate(...)."),
        option("--start", type=click.Choice(["schedule", "data", "both"]), default="schedule",
               help="What starts it: the schedule, new data in the platform's bucket, or both."),
        option("--timezone", type=ZONE, default="UTC", help="The time zone of the schedule, such as Europe/Prague."),
        option("--trials", type=click.IntRange(0, 500), default=0,
               help="How many trainings search for the best hyperparameters in each run; 0: one, with those of the configuration."),
        option("--branch", type=BRANCH, default="main", help="The branch whose definition is uploaded.", found="git-branch"),
        option("--gitlab-url", type=URL, default="https://gitlab.com", help="The GitLab server."),
    )  # fmt: skip
    example = "mx generate TrainingPipeline churn --schedule 'cron(0 3 * * ? *)' --timezone Europe/Prague"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """A rate of one has no plural, and another has: EventBridge refuses what is neither."""
        text = reveal(values.schedule)
        if text.startswith("rate(") and text.startswith("rate(1 ") == text.endswith("s)"):
            return [f"--schedule {text}: it is rate(1 day), and rate(2 days)"]
        return []

    def variables(self) -> dict[str, Any]:
        """The options, what the platform calls its bucket, and what is pinned."""
        values = super().variables()
        bucket = f"{values['platform']}-platform-{values['account']}"
        return {**values, "bucket": bucket, "boto3": BOTO3}

    def generate(self, tree: Tree) -> None:
        """Render the folder of the pipeline, and an include of its jobs in .gitlab-ci.yml."""
        name = self.values.name
        folder = f"pipelines/{name}"
        tree.render("templates")
        tree.section(
            ".gitlab-ci.yml",
            f"include[local={folder}/gitlab-ci.yml]",
            {"local": f"{folder}/gitlab-ci.yml"},
        )
        tree.next_step(
            f"python {folder}/pipeline.py build", "builds the definition on this machine; it needs no account"
        )
        tree.next_step(
            f"mx sagemaker config {name}",
            "shows what the configuration lacks, and who owes it; after the first upload",
        )
