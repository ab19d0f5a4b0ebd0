"""Configuration of Sphinx: https://www.sphinx-doc.org/en/master/usage/configuration.html"""

project = "churn-model"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = project
exclude_patterns = ["_build"]

autodoc_member_order = "bysource"
napoleon_use_ivar = True
# Without a network there is nothing to link the types of other packages to.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(collections|concurrent|contextlib|matplotlib|mlflow|np|npt|numpy|omegaconf|pathlib|torch)\..*",
    ),
]
