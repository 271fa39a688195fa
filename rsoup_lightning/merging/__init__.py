"""Weight arithmetic: reading experts, checking that they fit, interpolating them, writing the soup."""

from rsoup_lightning.merging.check import check_layout, check_match
from rsoup_lightning.merging.disk.io import read_weights, write_weights
from rsoup_lightning.merging.in_memory import linear, merge_weights

__all__ = ["check_layout", "check_match", "linear", "merge_weights", "read_weights", "write_weights"]
