"""Log-probabilities and losses against TRL's, where it has the same ones (extra ``bench``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rsoup_lightning.algorithms import GRPO
from rsoup_lightning.rollout import Rollout
from tests.modalities.language.test_policy import policy, rolled
from tests.modalities.language.tiny import tokenizer

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")


@pytest.fixture
def rollout() -> Rollout:
    """Sampled by another policy, so that likelihood ratios are not one."""
    return rolled(policy(1), completions=4).with_steps(advantages=torch.zeros(16, 6))


def trainer(model: Any, folder: Path) -> Any:
    settings = trl.GRPOConfig(
        output_dir=str(folder),
        per_device_train_batch_size=4,
        num_generations=4,
        beta=0.0,
        epsilon=0.2,
        loss_type="bnpo",  # the mean over all tokens of the batch
        use_cpu=True,
        bf16=False,
        report_to=[],
        gradient_checkpointing=False,
    )
    made = trl.GRPOTrainer(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=settings,
        train_dataset=datasets.Dataset.from_dict({"prompt": ["a", "b", "c", "d"]}),
        processing_class=tokenizer(),
    )
    made.current_gradient_accumulation_steps = 1
    return made


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
def test_log_probs_and_the_clipped_loss_are_trls(rollout: Rollout, tmp_path: Path) -> None:
    ours = policy(2)
    generator = torch.Generator().manual_seed(5)
    advantages = torch.randn(len(rollout), generator=generator)
    rollout = rollout.with_steps(advantages=advantages.unsqueeze(1).expand(rollout.mask.shape))
    loss, _ = GRPO(4).loss(ours(rollout), rollout)
    theirs = trainer(ours.model, tmp_path)
    prompts, mask = rollout["prompt_tokens"], rollout["prompt_mask"].long()
    log_probs, *_ = theirs._get_per_token_logps_and_entropies(
        theirs.model,
        torch.cat([prompts, rollout["tokens"]], 1),
        torch.cat([mask, rollout.mask.long()], 1),
        rollout.mask.shape[1],
    )
    assert torch.allclose(log_probs[rollout.mask], ours(rollout).log_probs[rollout.mask], atol=1e-5)
    inputs = {
        "prompt_ids": prompts,
        "prompt_mask": mask,
        "completion_ids": rollout["tokens"],
        "completion_mask": rollout.mask.long(),
        "advantages": advantages,
        "old_per_token_logps": rollout.log_probs,
    }
    assert theirs._compute_loss(theirs.model, inputs).item() == pytest.approx(loss.item(), abs=1e-5)
