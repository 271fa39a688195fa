from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.language.rewards import Brevity
from rsoup_lightning.modalities.tokens import Fluency, Specificity, check_known
from rsoup_lightning.rollout import Rollout

MASK = torch.tensor([[True, True, False], [True, True, True], [False, False, False]])


def test_brevity_counts_what_is_masked_in() -> None:
    got = Brevity()(Rollout(torch.zeros(3, 3), MASK))
    assert got.tolist() == [-2.0, -3.0, 0.0]
    assert got.dtype == torch.float32


def test_brevity_below_a_length_pays_no_more() -> None:
    assert Brevity(at_least=2)(Rollout(torch.zeros(3, 3), MASK)).tolist() == [-2.0, -3.0, -2.0]
    with pytest.raises(ConfigError, match="at_least is -1"):
        Brevity(at_least=-1)


def test_fluency_is_the_mean_over_counted_tokens() -> None:
    log_probs = torch.tensor([[-1.0, -3.0, float("nan")], [-1.0, -2.0, -6.0], [-7.0, -7.0, -7.0]])
    rollout = Rollout(torch.zeros(3, 3), MASK, signals={"base_log_probs": log_probs})
    assert Fluency()(rollout).tolist() == [-2.0, -3.0, 0.0]


def test_fluency_needs_the_reference() -> None:
    with pytest.raises(RewardError, match="Fluency needs 'base_log_probs'"):
        Fluency()(Rollout(torch.zeros(3, 3), MASK))


def test_specificity_is_what_its_own_prompt_adds_to_each_token() -> None:
    asked = torch.tensor([[-1.0, -3.0, float("nan")], [-1.0, -2.0, -6.0], [-7.0, -7.0, -7.0]])
    elsewhere = torch.tensor([[-2.0, -4.0, 0.0], [-1.0, -2.0, -3.0], [-1.0, -1.0, -1.0]])
    signals = {"base_log_probs": asked, "elsewhere_log_probs": elsewhere}
    assert Specificity()(Rollout(torch.zeros(3, 3), MASK, signals=signals)).tolist() == [1.0, -1.0, 0.0]
    with pytest.raises(RewardError, match="Specificity needs 'elsewhere_log_probs'"):
        Specificity()(Rollout(torch.zeros(3, 3), MASK, signals={"base_log_probs": asked}))


def test_they_show_no_text() -> None:
    rollout = Rollout(torch.zeros(3, 3), MASK)
    assert Brevity().inputs(rollout) is Fluency().inputs(rollout) is None


def test_what_a_diverged_policy_writes_is_refused() -> None:
    log_probs = torch.tensor([[-1.0, -2.0, float("nan")], [-1.0, float("-inf"), -3.0], [float("nan")] * 3])
    check_known(log_probs, MASK)
    log_probs[0, 1] = float("nan")
    with pytest.raises(RewardError, match="NaN: its training has diverged, lower the learning rate"):
        check_known(log_probs, MASK)
