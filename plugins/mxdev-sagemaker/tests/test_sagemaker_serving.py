"""ModelService: one contract for models of every framework, and the service that answers."""

from __future__ import annotations

from pathlib import Path

from sagemaker_frameworks import inside
from sagemaker_service import SERVICE


def test_the_contract_and_the_service_on_real_frameworks(tmp_path: Path) -> None:
    """In an environment that has them: see `inside/serving_frameworks.py`."""
    assert "24 passed" in inside("serving_frameworks", SERVICE, folder=tmp_path)
