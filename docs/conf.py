"""Sphinx's configuration."""

import importlib
import sys
from pathlib import Path

import mxdev

sys.path.insert(0, str(Path(__file__).parent))  # commands_of_generators

# Names that are loaded when they are used: loaded here, so that autodoc finds them.
for _name in ("mxdev", "mxdev.generator", "mxdev.plugins", "mxdev.project", "mxdev.steps", "mxdev.template"):
    _module = importlib.import_module(_name)
    for _public in _module.__all__:
        getattr(_module, _public)

project = "mx"
copyright = "the authors of mx"
author = "the authors of mx"
release = mxdev.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "mx"
exclude_patterns = ["_build"]
autodoc_typehints = "description"
nitpick_ignore_regex = [("py:.*", ".*")]
