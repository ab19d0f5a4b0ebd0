"""Project options of the platform beneath the project: registry, volumes, artifacts, database, GPU driver; and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from mxdev import option
from mxdev.generator import Option, Pattern, Values
from mxdev_generators.images.table import image, pinned
from mxdev_generators.names import rules

_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
REGISTRY = Pattern(
    rf"(?:(?:{_PART}(?::[0-9]+)?/)?{_PART}(?:/{_PART})*)?",
    "what names of images begin with, such as ghcr.io/acme/churn (lower case, no tag), or empty",
    metavar="REGISTRY",
)
_OBJECT = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
OBJECT_NAME = Pattern(
    rf"(?:{_OBJECT})?", "the name of a Kubernetes object (lower case), or empty", metavar="NAME"
)
_PATH = r"(?:/[A-Za-z0-9._=-]+)*"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
ARTIFACT_STORE = Pattern(
    rf"(?:s3://{_BUCKET}{_PATH}|wasbs://[a-z0-9][a-z0-9-]{{1,61}}[a-z0-9]@[a-z0-9]{{3,24}}\.blob\.core\.windows\.net{_PATH})?",
    "s3://BUCKET/PATH, wasbs://CONTAINER@ACCOUNT.blob.core.windows.net/PATH, or empty (a volume)",
    metavar="URI",
    check=rules.refused_uri,
)
ENDPOINT = Pattern(
    r"(?:https?://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?)?",
    "an address such as http://minio.minio.svc.cluster.local:9000, or empty",
    metavar="URL",
)

OPTIONS: tuple[Option, ...] = (
    option("--registry", type=REGISTRY, default="", shared=True,
           help="What names of images begin with; empty: Terraform's registry on Google Cloud, else localhost/NAME."),
    option("--pull-secret", type=OBJECT_NAME, default="", shared=True,
           help="The Secret of the namespace with which pods pull images; empty: nodes may pull them."),
    option("--storage-class", type=OBJECT_NAME, default="", shared=True,
           help="The class of volumes; empty: one that keeps disks on Google Cloud, else the cluster's default."),
    option("--artifact-store", type=ARTIFACT_STORE, default="", shared=True,
           help="Where a cluster of your own keeps models and files of runs: S3 or Azure Blob; empty: a volume."),
    option("--artifact-endpoint", type=ENDPOINT, default="", shared=True,
           help="The address of an S3 that is not Amazon's, such as MinIO's."),
    option("--database", type=click.Choice(["in-cluster", "cloud-sql"]), default="in-cluster", shared=True,
           help="Where MLflow's database is: a pod with a volume, or Google's Cloud SQL."),
    option("--gpu-driver", type=click.Choice(["google", "daemonset"]), default="google", shared=True,
           help="Who installs NVIDIA's driver on Google Cloud: google, or the DaemonSet of the deployment cuda-drivers."),
)  # fmt: skip


def problems(values: Values) -> list[str]:
    """What of the platform does not go together, in sentences."""
    found = []
    if values.cloud == "gcp" and values.artifact_store:
        found.append(
            f"--artifact-store {values.artifact_store}: on Google Cloud artifacts are in the bucket that Terraform makes; "
            "leave it empty."
        )
    if values.artifact_endpoint and not str(values.artifact_store).startswith("s3://"):
        found.append(
            f"--artifact-endpoint {values.artifact_endpoint} needs an --artifact-store that begins with s3://."
        )
    if values.cloud != "gcp" and values.database == "cloud-sql":
        found.append("--database cloud-sql is Google's; with --cloud existing it is in-cluster.")
    return found


def image_registry(values: Mapping[str, Any]) -> str:
    """What the names of the project's images begin with.

    A name that begins with `localhost/` is nobody's on Docker Hub: it is found where the image was loaded into the nodes.
    """
    if values["registry"]:
        return str(values["registry"])
    if values["cloud"] == "gcp":
        return f"{values['region']}-docker.pkg.dev/{values['project_id']}/{values['name']}"
    return f"localhost/{values['name']}"


def variables(values: Mapping[str, Any], bucket_prefix: str, mlflow_account: str) -> dict[str, Any]:
    """What templates know of the platform beyond its options.

    Args:
        values: the options by key.
        bucket_prefix: what names of buckets begin with.
        mlflow_account: the id of the tracking server's Google service account.
    """
    own_class = (
        values["cloud"] == "gcp" and values["database"] == "in-cluster" and not values["storage_class"]
    )
    return {
        "image_registry": image_registry(values),
        "artifact_root": artifact_root(values, bucket_prefix),
        "artifact_volume": values["cloud"] != "gcp" and not values["artifact_store"],
        "backup_root": backup_root(values, bucket_prefix),
        "own_volume_class": own_class,
        "volume_class": f"{values['name']}-retain" if own_class else values["storage_class"],
        "database_uri": database_uri(values, mlflow_account),
        "postgres_image": image("postgres", values),
        "mlflow_image": image("mlflow", values),
        "proxy_image": image("cloud-sql-proxy", values),
        "pause_image": image("pause", values),
        # Whether a digest is known of every image that the tracking server's pods have.
        "platform_pinned": all(pinned(key) for key in ("mlflow", "postgres", "cloud-sql-proxy")),
    }


def database_uri(values: Mapping[str, Any], mlflow_account: str) -> str:
    """Where MLflow finds its database, without a password. Cloud SQL's is behind a proxy in the same pod."""
    if values["database"] == "in-cluster":
        return "postgresql+psycopg2://mlflow@postgresql:5432/mlflow"
    return f"postgresql+psycopg2://{mlflow_account}%40{values['project_id']}.iam@127.0.0.1:5432/mlflow"


def artifact_root(values: Mapping[str, Any], bucket_prefix: str) -> str:
    """Where MLflow keeps the files of runs: a URI, or a folder of a volume."""
    if values["cloud"] == "gcp":
        return f"gs://{bucket_prefix}-artifacts/mlflow"
    store = str(values["artifact_store"])
    return f"{store}/mlflow" if store else "/mlflow/artifacts"


def backup_root(values: Mapping[str, Any], bucket_prefix: str) -> str:
    """Where dumps of the database are kept: a URI, or a folder of a volume.

    Beside what the tracking server hands out and deletes for whoever asks, never within it.
    """
    if values["cloud"] == "gcp":
        return f"gs://{bucket_prefix}-backups"
    store = str(values["artifact_store"])
    return f"{store}/backups" if store else "/backups"


def refusal(generator: str, cloud: str) -> list[str]:
    """What is wrong with a generator that builds images or runs on a cluster, where there is neither; usually nothing.

    Args:
        generator: its name.
        cloud: the project's option.
    """
    if cloud != "none":
        return []
    return [
        f"{generator} needs images and a cluster, and this project has neither (cloud=none). Run `mx set cloud=gcp` "
        "for Google Cloud, or `mx set cloud=existing` for a cluster of your own, and then this generator."
    ]
