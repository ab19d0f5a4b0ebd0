"""The ETL as a DAG: imported and run by Airflow itself, on this machine, with moto's S3."""

from __future__ import annotations

from pathlib import Path

from moto import mock_aws
from mxdev.testing import once, run
from sagemaker_training import airflow, bucket, client, rendered, server

BUCKET = "sagemaker-platform-123456789012"


def test_airflow_runs_the_dag(tmp_path: Path) -> None:
    """The whole run once for the same files and packages: it takes Airflow half a minute."""
    folder, python = rendered(tmp_path / "rendered") / "etl", airflow()

    def whole() -> str:
        with server() as found, mock_aws():
            bucket(BUCKET)
            env = {
                **found,
                "AIRFLOW_HOME": str(tmp_path / "airflow"),
                "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            }
            program = python.parent / "airflow"
            run(program, "db", "migrate", cwd=tmp_path, env=env)
            broken = run(program, "dags", "list-import-errors", cwd=tmp_path, env=env)
            assert "No data found" in broken.stdout + broken.stderr
            run(program, "dags", "test", "churn-etl", "2026-01-31", cwd=tmp_path, env=env)
            (item,) = client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
            body = client("s3").get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read().decode()
        return f"{item['Key']}\n{body}"

    key, head, *rows = once([folder, str(python)], whole).splitlines()
    assert key == "pipelines/churn/data/2026-01-31.csv"
    assert head == "tenure_months,monthly_fee,support_calls,contract,churned"
    assert len(rows) == len(set(rows)) == 600
    assert all(row.endswith((",yes", ",no")) for row in rows)
