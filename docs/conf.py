"""The manual's settings; ``make docs`` builds it."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

import rsoup_lightning

sys.path.insert(0, str(Path(__file__).parent))

from generate import write_pages
from resolve import keep_colons, make_strict, resolve

project = "rsoup_lightning"
version = release = rsoup_lightning.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["*.py"]
html_theme = "furo"
html_title = f"{project} {version}"

nitpicky = True
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_default_options = {"members": True, "undoc-members": True, "show-inheritance": True}
autodoc_inherit_docstrings = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_use_type_comments = False  # there are none, and looking for them takes long
napoleon_use_ivar = True


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before napoleon
    app.connect("doctree-read", make_strict)
    app.connect("missing-reference", resolve)
