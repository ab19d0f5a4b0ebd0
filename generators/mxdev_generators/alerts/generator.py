"""The Alerts generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.project.naming import ENGINEER
from mxdev_generators.project.platform import refusal
from mxdev_generators.project.terraform_tests import head

BILLING_ACCOUNT = Pattern(
    r"(?:[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})?",
    "the id of a billing account, such as 012345-6789AB-CDEF01, or empty",
    metavar="ID",
)


class Alerts(Generator):
    """Mail about a budget that is used up, trainings that failed and GPUs that idle."""

    requires = ("skeleton",)
    options = (
        option("--billing-account", type=BILLING_ACCOUNT, default="", ask=True, prompt="Billing account of the budget, if any",
               help="The billing account that pays for the project; without it there is no budget."),
        option("--budget", type=click.IntRange(1, 100_000_000), default=1000,
               help="What the project may cost in a month, in the currency of the billing account."),
        option("--alert-email", type=ENGINEER, multiple=True,
               help="Who gets the mail; may be given several times. Without it: the project's engineers."),
        option("--idle-minutes", type=click.IntRange(10, 1380), default=60,
               help="For how long a pod with a GPU may leave it idle before there is a mail."),
    )  # fmt: skip
    example = "mx generate Alerts --billing-account 012345-6789AB-CDEF01 --budget 2000"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """They are made of what Google Cloud logs, measures and bills."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        if values.cloud != "gcp":
            return [
                f"{cls.__name__} are of Google Cloud's monitoring, and this project runs on a cluster of your own "
                f"(cloud={values.cloud})."
            ]
        return []

    def variables(self) -> dict[str, Any]:
        """The options, and how the test of its Terraform begins."""
        tested = {
            "gpu_driver": '"google"',
            "engineers": '["grace@example.com"]',
            "leads": "[]",
            "billing_account": '""',
            "monthly_budget": "300",
            "alert_emails": "[]",
            "idle_minutes": "45",
        }
        return {**super().variables(), "terraform_test": head(tested)}

    def generate(self, tree: Tree) -> None:
        """Render a .tf file with values and tests of its own, and a page."""
        values = self.variables()
        tree.render("templates")
        if not values["alert_email"] and not values["engineer"]:
            tree.next_step(
                "mx set Alerts.alert-email=EMAIL",
                "who gets the mail: the project names no engineer, so nobody would",
            )
        if values["billing_account"]:
            tree.next_step(
                f"gcloud auth application-default set-quota-project {values['project_id']}",
                "Google's API of budgets wants to know whose quota a person's login uses; a service account does not need it",
            )
        tree.next_step(
            "infrastructure/terraform/bootstrap.sh && terraform -chdir=infrastructure/terraform apply",
            "makes the alerts"
            + (
                "; who does it needs roles/billing.costsManager on the billing account"
                if values["billing_account"]
                else ""
            ),
        )
