"""How every `terraform test` of a project begins: Google's answers, and values for the variables of the project's Terraform.

A template of a test has `{{ terraform_test }}` in this place; its generator gives what it tests with beside what all have.
"""

from __future__ import annotations

from collections.abc import Mapping

_ALL = {
    "project_id": '"test-project"',
    "region": '"europe-west4"',
    "zone": '""',
    "name": '"digits"',
    "bucket_prefix": '"test-project-digits"',
    "accelerator": '"none"',
}
_ACCOUNTS = {"nodes": '"digits-nodes"', "trainer": '"digits-trainer"', "mlflow": '"digits-mlflow"'}


def head(own: Mapping[str, str], more: Mapping[str, str] | None = None) -> str:
    """The provider and the variables of a test, without the last line's end.

    Args:
        own: expressions by variable, beside those that every test has.
        more: others, as a paragraph of their own.
    """
    paragraphs = [_aligned({**_ALL, **own}, 2), *([_aligned(more, 2)] if more else [])]
    paragraphs.append("  service_accounts = {\n" + _aligned(_ACCOUNTS, 4) + "\n  }")
    return (
        'mock_provider "google" {\n  source = "./tests/mocks"\n}\n\n'
        "# These win over terraform.tfvars: the tests do not depend on the answers of one project.\n"
        "variables {\n" + "\n\n".join(paragraphs) + "\n}"
    )


def _aligned(values: Mapping[str, str], indent: int) -> str:
    """Assignments as `terraform fmt` writes them."""
    width = max(map(len, values))
    return "\n".join(f"{' ' * indent}{name:{width}} = {value}" for name, value in values.items())
