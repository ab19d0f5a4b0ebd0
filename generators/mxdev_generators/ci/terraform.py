"""The job that checks `infrastructure/terraform`: its form, its types, and the tests that are rendered with it."""

from __future__ import annotations

from mxdev_generators.ci.model import Facts, Job

FOLDER = "infrastructure/terraform"
_VERSION = "1.11.4"
# Of the release for linux_amd64, as HashiCorp publishes it.
_SHA256 = "1ce994251c00281d6845f0f268637ba50c0005657eb3cf096b92f753b42ef4dc"
_ZIP = "/tmp/terraform.zip"  # noqa: S108  (in the job's own container or machine)
INSTALL = (
    f"curl --fail --silent --show-error --location --output {_ZIP}"
    f" https://releases.hashicorp.com/terraform/{_VERSION}/terraform_{_VERSION}_linux_amd64.zip",
    f"echo '{_SHA256}  {_ZIP}' | sha256sum --check --quiet",
    f'python3 -m zipfile --extract {_ZIP} "$HOME/.local/bin" && chmod +x "$HOME/.local/bin/terraform"',
    'PATH="$HOME/.local/bin:$PATH"',
)


def jobs(facts: Facts) -> tuple[Job, ...]:
    """The jobs; none where the project has no Terraform."""
    if facts.cloud != "gcp":
        return ()
    terraform = f"terraform -chdir={FOLDER}"
    commands = (
        f"{terraform} fmt -check -diff -recursive",
        # Without the state, so without anybody's rights.
        f"{terraform} init -backend=false -input=false",
        f"{terraform} validate",
        f"{terraform} test",
    )
    return (
        Job("terraform", "Terraform", ("review", "push"), (), 20, INSTALL, commands, f"{terraform} test"),
    )
