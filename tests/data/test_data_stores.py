"""`mx data` on stores that are no folder: Google's by fake-gcs-server, S3 by moto. Both are stand-ins that keep objects in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import fake_gcs
import pytest
from labelling import Project
from ml_environment import made

pytestmark = pytest.mark.noted()

REQUIREMENTS = ("fsspec>=2025.3", "gcsfs>=2025.3", "s3fs>=2025.3", "mlflow-skinny>=3.12,<4")
BUCKET = "acme-data"
Put = Callable[[str, bytes], None]


class Stored(Project):
    """A project whose bucket is in a store.

    Attributes:
        put: changes a file of the bucket behind mx's back.
    """

    def __init__(self, folder: Path, python: Path, uri: str, env: dict[str, str], put: Put) -> None:
        super().__init__(folder, python)
        self.uri, self.put = uri, put
        self.env |= env

    @property
    def place(self) -> str:
        return self.uri


@pytest.fixture(scope="module")
def google() -> Iterator[tuple[str, dict[str, str], Put]]:
    import urllib.request

    with fake_gcs.serving(BUCKET) as address:

        def put(name: str, content: bytes) -> None:
            url = f"{address}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}"
            urllib.request.urlopen(urllib.request.Request(url, data=content, method="POST")).read()

        yield f"gs://{BUCKET}", {"STORAGE_EMULATOR_HOST": address}, put


@pytest.fixture(scope="module")
def amazon() -> Iterator[tuple[str, dict[str, str], Put]]:
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    env = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "no", "AWS_SECRET_ACCESS_KEY": "no",
        "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    client = boto3.client(
        "s3", endpoint_url=env["AWS_ENDPOINT_URL"], aws_access_key_id="no", aws_secret_access_key="no",
        region_name="us-east-1",
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)

    def put(name: str, content: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=name, Body=content)

    yield f"s3://{BUCKET}", env, put
    server.stop()


@pytest.fixture(params=["google", "amazon"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Stored:
    """A project with a bucket in each of them."""
    uri, env, put = request.getfixturevalue(request.param)
    return Stored(tmp_path, made("stores", REQUIREMENTS), uri, env, put)


def test_up_and_down_again(project: Stored, tmp_path: Path) -> None:
    source = tmp_path / "raw"
    for name in ("a.png", "more/b c.png"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(f"image {name}".encode())
    # An upload that was stopped before it ended.
    project.put("images/raw/a.png", b"image a.png")
    (row,) = project.json("data", "upload", source, "--as", "images/raw")["steps"]
    assert row["why"] == "1 of 2 files"
    assert project.json("data", "upload", source, "--as", "images/raw")["outcome"] == "nothing"
    (folder,) = project.json("data", "list")["folders"]
    assert folder == {"name": "images/raw", "files": 2, "size": 29, "complete": True}
    there = project.json("data", "list", "images/raw")["files"]
    assert [file["name"] for file in there] == ["SHA256SUMS", "a.png", "more/b c.png"]
    assert project.json("data", "download", "images/raw")["outcome"] == "applied"
    here = project.root / "data/images/raw"
    assert (here / "more/b c.png").read_bytes() == b"image more/b c.png"
    # What rotted there is neither taken for what it was nor brought here; of the same size, so that only its hash tells.
    (here / "a.png").unlink()
    project.put("images/raw/a.png", b"image X.png")
    rotten = project.mx("data", "download", "images/raw")
    assert rotten.code == 1
    assert "a.png is not the file that SHA256SUMS names" in rotten.stderr
    assert not (here / "a.png").exists()


def test_other_content_is_not_overwritten_unless_that_is_said(project: Stored, tmp_path: Path) -> None:
    source = tmp_path / "raw"
    source.mkdir()
    (source / "a.png").write_bytes(b"image 1")
    project.put("other/a.png", b"image 2")
    refused = project.mx("data", "upload", source, "--as", "other")
    assert refused.code == 1
    assert "a.png" in refused.stderr
    assert project.mx("data", "upload", source, "--as", "other", "--replace", "--yes").code == 0
    assert project.mx("data", "download", "other", "--to", tmp_path / "back").code == 0
    assert (tmp_path / "back/a.png").read_bytes() == b"image 1"
