from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import MergeError
from rsoup_lightning.merging import check_layout, check_match


def test_layout_lets_integer_values_differ() -> None:
    experts = [{"n": torch.tensor(1)}, {"n": torch.tensor(2)}]
    check_layout(experts)
    with pytest.raises(MergeError, match="'n'"):
        check_match(experts)


def test_nothing_to_merge() -> None:
    with pytest.raises(MergeError, match="no expert"):
        check_match([])
