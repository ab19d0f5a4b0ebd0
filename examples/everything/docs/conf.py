"""Configuration of Sphinx: https://www.sphinx-doc.org/en/master/usage/configuration.html"""

from pathlib import Path

project = "everything"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = project
# Whose it is, stands in a licence, if anywhere.
html_show_copyright = False
exclude_patterns = ["_build"]
# `mx build docs` draws the project first. Where nobody drew it, the page that shows it is left out.
if not (Path(__file__).parent / "_build" / "graph.svg").is_file():
    exclude_patterns.append("overview.md")

autodoc_member_order = "bysource"
napoleon_use_ivar = True
# Without a network there is nothing to link the types of other packages to.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(collections|concurrent|contextlib|matplotlib|mlflow|np|npt|numpy|omegaconf|pathlib|torch)\..*",
    ),
]
