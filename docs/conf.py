"""Sphinx configuration; `make docs` builds into build/docs and treats warnings as errors."""

import eigenspace

project = "eigenspace"
author = copyright = "the eigenspace developers"
version = release = eigenspace.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
]
exclude_patterns = ["notebooks/.ipynb_checkpoints", "notebooks/*.ipynb"]

html_theme = "furo"
html_title = f"eigenspace {release}"
html_copy_source = False

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# The notebooks are text (MyST markdown) without outputs: they are run at every build, in a folder of their own.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True
