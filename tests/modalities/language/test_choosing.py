"""Tokens drawn as they should be: by transformers' nucleus, and as often as their probabilities say."""

from __future__ import annotations

import pytest
import torch
from transformers import TopPLogitsWarper

from rsoup_lightning.modalities.language.choosing import choose_tokens, nucleus


@pytest.mark.parametrize("spread", [0.01, 1.0, 5.0])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.9, 0.999])
def test_the_nucleus_is_that_of_transformers(spread: float, top_p: float) -> None:
    torch.manual_seed(0)
    logits = spread * torch.randn(5, 3000)
    theirs = TopPLogitsWarper(top_p)(None, logits.double())
    ours = nucleus(logits.double(), torch.full((5,), top_p, dtype=torch.double))
    assert torch.equal(ours, theirs) and 0 < ours.isfinite().sum() < ours.numel()


def test_rows_have_nuclei_of_their_own_and_one_word_at_least() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log().expand(3, 3)
    kept = nucleus(logits, torch.tensor([0.0, 0.6, 1.0])).isfinite()
    assert kept.tolist() == [[True, False, False], [True, True, False], [True, True, True]]


def test_each_row_draws_from_its_own_distribution() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log().expand(4, 3)
    generators = [torch.Generator().manual_seed(seed) for seed in range(4)]
    drawn = torch.stack(
        [choose_tokens(logits, [1.0, 0.0, 0.5, 1.0], [1.0, 1.0, 1.0, 0.7], generators) for _ in range(4000)]
    )
    shares = torch.stack([(drawn == word).float().mean(0) for word in range(3)], 1)
    squares = torch.tensor([0.25, 0.09, 0.04]) / 0.38
    wanted = torch.stack(
        [torch.tensor([0.5, 0.3, 0.2]), torch.tensor([1.0, 0, 0]), squares, torch.tensor([0.625, 0.375, 0])]
    )
    standard_errors = (wanted * (1 - wanted) / 4000).sqrt()
    assert ((shares - wanted).abs() <= 4 * standard_errors).all()


@pytest.mark.parametrize("temperature", [5e-324, 1e-45, 1e-30])
@pytest.mark.parametrize("top_p", [1e-300, 0.5, 1 - 1e-16, 1.0])
def test_nearly_no_temperature_takes_the_likeliest_word(temperature: float, top_p: float) -> None:
    logits = torch.tensor([[2.0, 0.0, 5.0, -1.0, 4.0]])
    assert choose_tokens(logits, [temperature], [top_p], [torch.Generator().manual_seed(0)]).tolist() == [2]


def test_greedy_rows_heed_no_seed_and_take_no_numbers() -> None:
    logits, generator = torch.randn(1, 50), torch.Generator().manual_seed(3)
    before = generator.get_state()
    assert choose_tokens(logits, [0.0], [0.5], [generator]).tolist() == [int(logits.argmax())]
    assert torch.equal(generator.get_state(), before)
