"""Sphinx's configuration."""

import mxdev

project = "mx"
copyright = "the authors of mx"
author = "the authors of mx"
release = mxdev.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "mx"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
nitpick_ignore_regex = [("py:.*", ".*")]
