"""The DistributedTraining generator: what it asks and what it renders."""

from __future__ import annotations

from typing import Any

import click

from mxdev import Generator, Tree, option
from mxdev.generator import Pattern, Values
from mxdev_generators.distributed_training import devspace
from mxdev_generators.project.machines import node_label, pod_size
from mxdev_generators.project.platform import refusal
from mxdev_generators.project.terraform_tests import head

CPUS = Pattern(
    r"(?:[1-9][0-9]{0,3}(?:\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9]|[1-9][0-9]{1,6}m)?",
    "a number of cores as Kubernetes has it, such as 4, 0.5 or 500m, or empty",
    metavar="CORES",
)
MEMORY = Pattern(
    r"(?:[1-9][0-9]{0,8}(?:Mi|Gi|Ti|M|G|T))?",
    "an amount of memory as Kubernetes has it, such as 6Gi or 512Mi, or empty",
    metavar="AMOUNT",
)

QUEUE = Pattern(
    r"(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)?",
    "the name of a queue of Kueue (lower-case letters, digits, dashes), or empty",
    metavar="NAME",
)


class DistributedTraining(Generator):
    """Train on several machines with Kubeflow's training operator."""

    requires = ("skeleton",)
    options = (
        option("--runtime", type=click.Choice(["pytorchjob", "trainjob"]), default="pytorchjob",
               help="pytorchjob: the training operator 1.9; trainjob: its successor, Kubeflow Trainer 2."),
        option("--workers", type=click.IntRange(1, 1024), default=2, help="Worker pods beside the master."),
        option("--gpus-per-worker", type=click.IntRange(0, 16), default=None,
               help="GPUs of each pod, the master's too; without it one, or none without an accelerator."),
        option("--cpus", type=CPUS, default="",
               help="Cores of each pod, as Kubernetes has them; empty: what fits the accelerator."),
        option("--memory", type=MEMORY, default="",
               help="Memory of each pod, as Kubernetes has it; empty: what fits the accelerator."),
        option("--queue", type=QUEUE, default="",
               help="The queue of Kueue in which its jobs wait; empty: none, or the one of `mx flow run --queue`."),
        option("--spot", is_flag=True,
               help="Train on nodes that Google may take away at any time, for a fraction of the price; a run goes on from its checkpoint."),
        option("--elastic", type=click.IntRange(1, 1024), default=None,
               help="Train on with the pods that are left while at least so many are there; without it all wait for one that is away."),
    )  # fmt: skip
    example = "mx generate DistributedTraining --workers 3"

    @classmethod
    def problems(cls, values: Values) -> list[str]:
        """It needs a cluster, and GPUs come with the project's accelerator."""
        if refused := refusal(cls.__name__, values.cloud):
            return refused
        if values.gpus_per_worker and values.accelerator == "none":
            return [
                f"--gpus-per-worker {values.gpus_per_worker}: the project has no accelerator; choose one with "
                "`mx set accelerator=nvidia-l4` first."
            ]
        if values.spot and values.cloud != "gcp":
            return [
                "--spot is for Google Cloud, whose spot nodes have a label that is known; on a cluster of your own, add its node "
                "selector and toleration to infrastructure/kubernetes/distributed_job.yaml."
            ]
        if values.spot and (values.accelerator == "none" or values.gpus_per_worker == 0):
            return [
                "--spot is about nodes with GPUs, and these pods have none; for the others set cpu_nodes.spot in "
                "infrastructure/terraform/terraform.tfvars."
            ]
        if values.elastic and values.runtime != "pytorchjob":
            return [
                "--elastic is for --runtime pytorchjob: a TrainJob of Kubeflow Trainer 2.3 has a fixed number of pods, and all are "
                "made anew when one fails."
            ]
        if values.elastic and values.elastic > values.workers + 1:
            return [
                f"--elastic {values.elastic}: with --workers {values.workers} there are {values.workers + 1} pods at most."
            ]
        return []

    def variables(self) -> dict[str, Any]:
        """The options, with what is empty filled in."""
        values = super().variables()
        accelerator = values["accelerator"]
        gpus = values["gpus_per_worker"]
        if gpus is None:
            gpus = 0 if accelerator == "none" else 1
        # A pod without a GPU may stand anywhere, however large the machines with GPUs are.
        size = accelerator if gpus else "none"
        share = max(1, gpus)
        pod = pod_size(values["cloud"], size)
        return {
            **values,
            "terraform_test": head(
                {"accelerator": '"nvidia-l4"', "distributed_gpu_nodes": "5", "engineers": "[]"}
            ),
            "gpus": gpus,
            "node": node_label(values["cloud"], accelerator),
            "pods": values["workers"] + 1,
            "processes": share,
            "cpus": values["cpus"] or str(pod.cores * share),
            "memory": values["memory"] or f"{pod.memory * share}Gi",
        }

    def generate(self, tree: Tree) -> None:
        """Render the job's template, and the operator as a deployment of its own."""
        values = self.variables()
        tree.render("templates")
        for address, value in devspace.sections(values):
            tree.section("devspace.yaml", address, value)
        pods = values["pods"]
        pool, where = (
            ("pool of spot nodes", "spot_pool.tf") if values["spot"] else ("GPU pool", "gpu_pool.tf")
        )
        if values["cloud"] == "gcp" and values["gpus"] > 1:
            tree.next_step(
                "terraform -chdir=infrastructure/terraform plan",
                f"once {where} has machines with {values['gpus']} GPUs: those that it has now have one",
            )
        elif values["cloud"] == "gcp" and values["gpus"]:
            tree.next_step(
                "terraform -chdir=infrastructure/terraform apply",
                f"lets the {pool} grow to {pods} nodes, one for each pod; the quota GPUS_ALL_REGIONS must be {pods} or more",
            )
        tree.next_step(
            "devspace deploy training-operator",
            "installs the operator, once for the whole cluster; it brings roles of its own, so "
            + (
                "a lead (terraform.tfvars) or an owner of the cloud project does it"
                if values["cloud"] == "gcp"
                else "somebody who may give rights in the cluster does it"
            ),
        )
        if values["runtime"] == "trainjob":
            tree.next_step("devspace deploy training-runtime", "says what a pod that trains looks like")
        tree.next_step("mx flow connect", "in another terminal: leads to the tracking server of the cluster")
        tree.next_step(
            f"mx flow run --backend distributed --build{self._processes()}",
            f"builds the image of this commit and trains in {pods} pods",
        )

    def _processes(self) -> str:
        # In MLproject it is `gpu` where the project has an accelerator; torchrun fails without any.
        values = self.variables()
        return " -P processes=1" if values["accelerator"] != "none" and not values["gpus"] else ""
