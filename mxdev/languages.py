"""The public address of the functions that turn values into text of a language; the code is in `mxdev.generator.languages`."""

from mxdev.generator.languages import (
    FILTERS,
    to_comment,
    to_dockerfile,
    to_hcl,
    to_html,
    to_json,
    to_md,
    to_py,
    to_rst,
    to_sh,
    to_toml,
    to_yaml,
)

__all__ = [
    "FILTERS", "to_comment", "to_dockerfile", "to_hcl", "to_html", "to_json", "to_md", "to_py", "to_rst", "to_sh",
    "to_toml", "to_yaml",
]  # fmt: skip
