"""The console blocks of docs/index.md, run in order in one folder, with moto's server for AWS."""

from __future__ import annotations

from pathlib import Path

import pytest
from ec2_world import REGION, account, client
from moto.server import ThreadedMotoServer
from mxdev.testing import follow

PAGE = Path(__file__).parents[1] / "docs/index.md"


def test_the_page_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    values = {
        "AWS_ENDPOINT_URL": "http://{}:{}".format(*server.get_host_and_port()),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
    }
    try:
        with account():
            tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "churn"}]}]
            client("ec2").run_instances(
                ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags
            )
            for name, value in values.items():
                monkeypatch.setenv(name, value)
            ended = follow(PAGE, tmp_path)
    finally:
        server.stop()
    assert [code for _, code in ended] == [0] * 8
