"""The manual's settings; ``make docs`` builds it."""

import logging
import os
import sys
import warnings
from pathlib import Path

from sphinx.application import Sphinx

import rsoup_lightning

sys.path.insert(0, str(Path(__file__).parent))

from generate import SCRIPTS, TUTORIALS, write_pages
from resolve import keep_colons, make_strict, resolve

project = "rsoup_lightning"
version = release = rsoup_lightning.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["*.py", "tutorials", SCRIPTS]
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

sphinx_gallery_conf = {
    "examples_dirs": SCRIPTS,
    "gallery_dirs": TUTORIALS,
    "filename_pattern": r"\.py$",
    "ignore_pattern": "garden",  # the files of a tutorial's reader
    "within_subsection_order": "FileNameSortKey",
    "capture_repr": (),
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 3600,
    "show_signature": False,
}
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where rsoup is
# What other packages print while tutorials run says nothing to their readers.
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
warnings.filterwarnings("ignore", module="transformers|huggingface_hub|lightning")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", write_pages, priority=400)  # before tutorials run
    app.connect("autodoc-process-docstring", keep_colons, priority=400)  # before napoleon
    app.connect("doctree-read", make_strict)
    app.connect("missing-reference", resolve)
