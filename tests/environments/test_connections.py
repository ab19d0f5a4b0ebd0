"""Connections of two environments side by side, in the files of the real gcloud."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml
from connect import google as stand_in

from mxdev.testing import mx

pytestmark = pytest.mark.noted()


@pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")
def test_two_connections_side_by_side_with_the_real_gcloud(project: Path, tmp_path: Path) -> None:
    """gcloud's own files; Google's services are a stand-in."""
    folder = tmp_path / "gcloud"
    folder.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    kubectl = programs / "kubectl"
    kubectl.write_text(
        '#!/bin/sh\ncase "$*" in *"auth can-i"*) exit 0;; *"version --client"*) echo "Client Version: v1.34.0"; exit 0;; esac\n'
        f'exec {shutil.which("kubectl")} "$@"\n'
    )
    kubectl.chmod(0o755)
    with stand_in.serving() as google:
        environment = google.environment(folder) | {
            "CLOUDSDK_CORE_ACCOUNT": "ada@example.com",
            "KUBECONFIG": str(tmp_path / "kubeconfig"),
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        for name in ("staging", "production"):
            done = mx("connect", "-E", name, cwd=project, env=environment)
            assert done.code == 0, done.stderr
        asked = [path for path in google.asked if path.rpartition("/")[2].startswith("churn-")]
    contexts = yaml.safe_load((tmp_path / "kubeconfig").read_text())["contexts"]
    assert {one["name"]: one["context"]["namespace"] for one in contexts} == {
        "mx-churn-staging": "churn-staging", "mx-churn-production": "churn-production",
    }  # fmt: skip
    settings = {path.name: path.read_text() for path in (folder / "configurations").iterdir()}
    assert "project = acme-ml\n" in settings["config_mx-churn-staging"]
    assert "project = acme-production\n" in settings["config_mx-churn-production"]
    assert {path.split("/projects/")[1].split("/")[0] for path in asked} == {"acme-ml", "acme-production"}
