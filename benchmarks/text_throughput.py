"""How many GRPO steps per second on a language model? Against TRL's GRPO (extra ``bench``).

SmolLM2-135M with LoRA of rank 16 on q, k, v and o; 4 prompts × 4 completions × 16 new tokens; a KL penalty of 0.04
against the model without its adapter; one optimiser step per rollout; the base in bfloat16 where this machine computes
in it, else in float32. Both see the same prompts and the same reward. Each contestant runs in a process of its own, in
turns; the first step of each is not counted.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from timing import Rounds, in_turns, report

from rsoup_lightning.modalities.data import Entry, PromptData, Split
from rsoup_lightning.modalities.language.packaged_model import SMOLLM2, packaged_model

PROMPTS, COMPLETIONS, TOKENS, STEPS, ROUNDS, KL, RATE = 4, 4, 16, 3, 3, 0.04, 1e-4
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj"]


def prompts() -> list[str]:
    """Beginnings of movie reviews."""
    from tasks.review.data import ReviewBeginnings

    return [entry.question for entry in ReviewBeginnings(words=12).entries("train")[:400]]


def distinct_words(questions: Sequence[str], answers: Sequence[str]) -> list[float]:
    """The reward: how many different words."""
    return [float(len(set(answer.split()))) for answer in answers]


class Beginnings(PromptData):
    """The same prompts for us."""

    def entries(self, split: Split) -> Sequence[Entry]:
        return [Entry(prompt) for prompt in prompts()]


def ours() -> list[float]:
    """Seconds of each of our steps."""
    import lightning as L
    import torch

    from rsoup_lightning.algorithms import GRPO
    from rsoup_lightning.kl_penalty import KLPenalty
    from rsoup_lightning.modalities.language import LanguageFineTuner
    from rsoup_lightning.modalities.language.rewards import TextFunction
    from rsoup_lightning.modalities.lora import LoRA
    from rsoup_lightning.run.trainer_settings import QUIET_TRAINER

    class Clock(L.Callback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_train_batch_end(self, *_: Any) -> None:
            self.ends.append(time.perf_counter())

    torch.manual_seed(0)
    reward = TextFunction("text_throughput:distinct_words", allow_empty_answers=True)
    module = LanguageFineTuner(
        SMOLLM2,
        Beginnings(),
        {"words": reward},
        algorithm=GRPO(COMPLETIONS),
        lora=LoRA(16, 16, 0.05, TARGETS),
        template="{prompt}",
        batch_size=PROMPTS,
        batches_per_epoch=STEPS + 1,
        max_new_tokens=TOKENS,
        kl=KLPenalty(KL),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=RATE),
    )
    clock = Clock()
    trainer = L.Trainer(max_epochs=1, accelerator="cpu", callbacks=[clock], log_every_n_steps=1, **QUIET_TRAINER)
    trainer.fit(module)
    return _differences(clock.ends)


def peer() -> list[float]:
    """Seconds of each of TRL's steps."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    from rsoup_lightning.modalities.language.base import compute_dtype

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.ends.append(time.perf_counter())

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return distinct_words(prompts, completions)

    torch.manual_seed(0)
    folder, clock = str(packaged_model(SMOLLM2)), Clock()
    dtype = compute_dtype("auto")
    with tempfile.TemporaryDirectory() as output:
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(folder, dtype=dtype),
            reward_funcs=reward,
            args=GRPOConfig(
                output_dir=output,
                per_device_train_batch_size=PROMPTS * COMPLETIONS,
                num_generations=COMPLETIONS,
                max_completion_length=TOKENS,
                beta=KL,
                learning_rate=RATE,
                max_steps=STEPS + 1,
                use_cpu=True,
                bf16=dtype == torch.bfloat16,
                gradient_checkpointing=False,
                report_to=[],
                logging_steps=1,
                save_strategy="no",
            ),
            train_dataset=Dataset.from_dict({"prompt": prompts()}),
            processing_class=AutoTokenizer.from_pretrained(folder),
            peft_config=LoraConfig(
                r=16, lora_alpha=16, lora_dropout=0.05, target_modules=TARGETS, task_type="CAUSAL_LM"
            ),
            callbacks=[clock],
        )
        trainer.train()
    return _differences(clock.ends)


def _differences(ends: Sequence[float]) -> list[float]:
    return [end - start for start, end in pairwise(ends)]


def alone(contestant: str) -> float:
    """Steps per second of one contestant in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, contestant]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return 1 / statistics.median(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Measure and print."""
    rounds = Rounds.asked(ROUNDS)
    print(f"{SMOLLM2}, LoRA r 16, {PROMPTS} prompts × {COMPLETIONS} completions × {TOKENS} tokens, steps per 1000 s")
    result = in_turns(lambda: 1000 * alone("ours"), lambda: 1000 * alone("peer"), rounds)
    print(f"\n{'ours':<12}{1000 / result['ours']:>8.2f} s per step")
    print(f"{'TRL GRPO':<12}{1000 / result['peer']:>8.2f} s per step")
    report("text_throughput", "steps/1000 s", result)


if __name__ == "__main__":
    if sys.argv[-1] in ("ours", "peer"):
        print(json.dumps({"ours": ours, "peer": peer}[sys.argv[1]]()))
    else:
        main()
