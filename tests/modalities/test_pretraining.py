from __future__ import annotations

import logging
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.pretraining import Pretraining, _schedule, pretrain


def regression(seed: int = 0, **plan: Any) -> tuple[nn.Linear, float]:
    """A linear map learnt from noiseless examples, and its error."""
    torch.manual_seed(seed)
    x = torch.randn(200, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 1
    module = nn.Linear(3, 1)

    def loss(rows: Tensor) -> Tensor:
        return (module(x[rows]) - y[rows]).square().mean()

    settings = {"steps": 200, "batch_size": 32, "learning_rate": 0.1, "weight_decay": 0.0, **plan}
    pretrain(module, loss, len(x), Pretraining(**settings), "a line")
    with torch.no_grad():
        return module, (module(x) - y).square().mean().item()


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_the_loss_falls(average: float) -> None:
    module, error = regression(average=average)
    assert error < 1e-3 < regression(steps=1, average=average)[1]
    assert not module.training


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again, other = (regression(seed, steps=20)[0].weight for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_mean_of_the_weights_is_kept() -> None:
    torch.manual_seed(0)
    module, seen = nn.Linear(1, 1, bias=False), list[float]()

    def loss(rows: Tensor) -> Tensor:
        seen.append(module.weight.item())
        return module.weight.sum()

    pretrain(module, loss, 1, Pretraining(6, 1, 0.1, warmup=0, average=0.5), "a number")
    mean, last = seen[0], None
    for step, weight in enumerate([*seen[1:], last]):
        if weight is not None:
            decay = min(0.5, (1 + step) / (10 + step))
            mean = decay * mean + (1 - decay) * weight
    # the last step's weight is not seen by the loss: its learning rate is almost zero
    assert seen[-1] < module.weight.item() < seen[0]
    assert module.weight.grad_fn is None and module.weight.requires_grad
    assert abs(module.weight.item() - mean) < abs(seen[-1] - mean)


def test_frozen_parameters_stay() -> None:
    torch.manual_seed(0)
    module = nn.Linear(2, 1)
    module.bias.requires_grad_(False)
    before = module.bias.clone()
    pretrain(module, lambda rows: module(torch.ones(1, 2)).sum(), 1, Pretraining(3, 1), "a line")
    assert torch.equal(module.bias, before)


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    plan = Pretraining(steps=100, warmup=10)
    rates = [_schedule(step, plan) for step in range(100)]
    assert rates[0] == 0.1 and rates[9] == max(rates) > 0.95
    assert rates[:10] == sorted(rates[:10]) and rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.001


def test_the_log_tells_how_it_goes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), warnings.catch_warnings():
        warnings.simplefilter("error")
        regression(steps=40)
    lines = [line for line in caplog.messages if line.startswith("a line: step")]
    assert len(lines) == 20
    assert lines[-1].startswith("a line: step 40 of 40, loss ") and lines[-1].endswith("about 0 s left")


def test_a_loss_that_runs_away_is_not_kept() -> None:
    module = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match="a line: the loss is nan in the end: choose a lower learning_rate"):
        pretrain(module, lambda rows: module.weight.sum() * torch.nan, 1, Pretraining(2, 1), "a line")


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"average": 1.0}, {"average": -0.1}]
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="pre-training needs steps and batch_size of at least 1"):
        Pretraining(**settings)
