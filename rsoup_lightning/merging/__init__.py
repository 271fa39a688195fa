"""Weight arithmetic: reading experts, checking that they fit, interpolating them, writing the soup."""

from rsoup_lightning.merging.check import check_layout, check_match
from rsoup_lightning.merging.io import read_weights, write_weights
from rsoup_lightning.merging.linear import linear

__all__ = ["check_layout", "check_match", "linear", "read_weights", "write_weights"]
