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
from collections.abc import Sequence
from typing import Any

from cases import TARGETS, Case
from timing import Clock, Rounds, accelerator, in_turns, report

STEPS, ROUNDS, KL, RATE = 3, 3, 0.04, 1e-4


def distinct_words(questions: Sequence[str], answers: Sequence[str]) -> list[float]:
    """The reward: how many different words."""
    return [float(len(set(answer.split()))) for answer in answers]


def ours(case: Case) -> list[float]:
    """Seconds of each of our steps."""
    import lightning as L
    import torch

    from rsoup_lightning.algorithms import GRPO
    from rsoup_lightning.kl_penalty import KLPenalty
    from rsoup_lightning.modalities.language import LanguageFineTuner
    from rsoup_lightning.modalities.language.rewards import TextFunction
    from rsoup_lightning.modalities.lora import LoRA
    from rsoup_lightning.run.trainer.trainer_settings import QUIET_TRAINER

    class Ticks(L.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            clock.tick()

    torch.manual_seed(0)
    reward = TextFunction("text_throughput:distinct_words", allow_empty_answers=True)
    module = LanguageFineTuner(
        case.base,
        case.data(),
        {"words": reward},
        algorithm=GRPO(case.completions),
        lora=LoRA(16, 16, 0.05, TARGETS),
        template="{prompt}",
        batch_size=case.prompts,
        batches_per_epoch=STEPS + 1,
        max_new_tokens=case.tokens,
        kl=KLPenalty(KL),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=RATE),
    )
    clock = Clock(case.device)
    trainer = L.Trainer(
        max_epochs=1,
        accelerator=accelerator(case.device),
        devices=1,
        callbacks=[Ticks()],
        log_every_n_steps=1,
        **QUIET_TRAINER,
    )
    trainer.fit(module)
    return clock.seconds()


def peer(case: Case) -> list[float]:
    """Seconds of each of TRL's steps."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    from rsoup_lightning.modalities.pretrained import compute_dtype

    class Ticks(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            clock.tick()

    def reward(prompts: list[str], completions: list[str], **_: Any) -> list[float]:
        return distinct_words(prompts, completions)

    torch.manual_seed(0)
    clock, dtype = Clock(case.device), compute_dtype("auto")
    with tempfile.TemporaryDirectory() as output:
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(case.folder, dtype=dtype),
            reward_funcs=reward,
            args=GRPOConfig(
                output_dir=output,
                per_device_train_batch_size=case.prompts * case.completions,
                num_generations=case.completions,
                max_completion_length=case.tokens,
                beta=KL,
                learning_rate=RATE,
                max_steps=STEPS + 1,
                use_cpu=case.device == "cpu",
                bf16=dtype == torch.bfloat16,
                gradient_checkpointing=False,
                report_to=[],
                logging_steps=1,
                save_strategy="no",
            ),
            train_dataset=Dataset.from_dict({"prompt": case.questions()}),
            processing_class=AutoTokenizer.from_pretrained(case.folder),
            peft_config=LoraConfig(
                r=16, lora_alpha=16, lora_dropout=0.05, target_modules=TARGETS, task_type="CAUSAL_LM"
            ),
            callbacks=[Ticks()],
        )
        trainer.train()
    return clock.seconds()


def alone(contestant: str, case: Case) -> float:
    """Steps per 1000 seconds of one contestant in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, contestant, case.dumps()]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return 1000 / statistics.median(json.loads(done.stdout.splitlines()[-1]))


def measure(case: Case, rounds: Rounds) -> dict[str, float]:
    """Both, in turns."""
    sizes = f"{case.prompts} prompts × {case.completions} completions × {case.tokens} tokens"
    print(f"{case.name}, LoRA r 16, {sizes}, steps per 1000 s")
    result = in_turns(lambda: alone("ours", case), lambda: alone("peer", case), rounds)
    print(f"\n{'ours':<12}{1000 / result['ours']:>8.2f} s per step")
    print(f"{'TRL GRPO':<12}{1000 / result['peer']:>8.2f} s per step")
    return result


def main() -> None:
    """Measure and print."""
    result = measure(Case(), Rounds.asked(ROUNDS))
    report("text_throughput", "steps/1000 s", result)


if __name__ == "__main__":
    if sys.argv[1:2] in (["ours"], ["peer"]):
        print(json.dumps({"ours": ours, "peer": peer}[sys.argv[1]](Case.loads(sys.argv[2]))))
    else:
        main()
