from __future__ import annotations

import torch

from rsoup_lightning.modalities.control.mlp import Tanh


def test_tanh_is_tanh() -> None:
    inputs = torch.linspace(-12, 12, 999, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(Tanh()(inputs), torch.tanh(inputs), atol=1e-12, rtol=0)
    assert torch.autograd.gradcheck(Tanh(), inputs[::50])
