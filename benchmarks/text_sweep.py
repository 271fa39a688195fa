"""What does a λ sweep of a language model cost? All λ in one batch, against PEFT's adapters one λ after another.

SmolLM2-135M and two LoRA experts of rank 16; 11 λ; every λ continues the same prompts by 24 tokens. The peer builds the
adapter of each λ with PEFT's ``add_weighted_adapter("cat")``, which is exact as ours is, and samples with transformers'
``generate``. The base is in bfloat16 where this machine computes in it, else in float32.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from cases import Case
from timing import Rounds, in_turns, report, synchronise
from torch import Tensor

from rsoup_lightning.modalities.data_environment import evaluation_generators
from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.sampling import gumbel, sample_completions
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.simplex import grid

LAMBDAS, ROUNDS = 11, 3
SIZES = 8, 32  # prompts per λ: few, where a model's calls cost most; and many, where its arithmetic does
CASE = Case(tokens=24)


def main() -> None:
    """Measure and print."""
    rounds = Rounds.asked(ROUNDS).share(1 / len(SIZES))
    few, many = (measure(case, rounds) for case in [replace(CASE, prompts=size) for size in SIZES])
    report("text_sweep", "tokens/s", few, **{f"{name}_{SIZES[1]}": value for name, value in many.items()})


def measure(case: Case, rounds: Rounds) -> dict[str, float]:
    """Both, in turns."""
    torch.manual_seed(0)
    model, tokenizer = load_base(case.base, "auto")
    policy = LanguagePolicy(model.to(case.device), LoRA()).to(case.device)
    experts = [{n: torch.randn(w.shape) * 0.02 for n, w in policy.weights().items()} for _ in range(2)]
    print(f"{case.name}: {LAMBDAS} λ × {case.prompts} prompts × {case.tokens} tokens, tokens per second")
    result = compare(case, policy, tokenizer, experts, rounds)
    print(f"\nall λ in one batch{result['ours']:>8,.0f} tokens/s")
    print(f"PEFT, λ by λ      {result['peer']:>8,.0f} tokens/s")
    return result


def compare(
    case: Case, policy: LanguagePolicy, tokenizer: Any, experts: list[dict[str, Tensor]], rounds: Rounds
) -> dict[str, float]:
    """Of a policy and two experts."""
    points, size = grid(2, LAMBDAS), case.prompts
    texts = tokenizer(case.questions()[:size], padding=True, padding_side="left", return_tensors="pt").to(case.device)
    width = texts["input_ids"].shape[1]
    every = PromptTokens(texts["input_ids"], texts["attention_mask"].bool())[torch.arange(size).repeat(LAMBDAS)]
    peft = policy.model

    def ours() -> float:
        start = time.perf_counter()
        soups = policy.soups(experts)
        assert soups is not None
        with soups(points).playing() as souped:
            noise = gumbel(evaluation_generators(torch.arange(size)))
            done = sample_completions(
                souped, every, limit=case.tokens, ends=[-1], padding=tokenizer.pad_token_id, noise=noise
            )
        assert done.tokens.shape == (LAMBDAS * size, case.tokens)
        synchronise(case.device)
        return done.tokens.numel() / (time.perf_counter() - start)

    def peer() -> float:
        start, count = time.perf_counter(), 0
        for name, expert in zip(("first", "second"), experts, strict=True):
            peft.add_adapter(name, peft.peft_config["default"])
            for key, tensor in expert.items():
                target = key.removeprefix("model.").replace(".default.", f".{name}.")
                peft.get_parameter(target).data.copy_(tensor)
        peft.eval()
        for point in points:
            peft.add_weighted_adapter(["first", "second"], list(point), "soup", combination_type="cat")
            peft.set_adapter("soup")
            done = peft.generate(**texts, do_sample=True, max_new_tokens=case.tokens, min_new_tokens=case.tokens)
            count += done[:, width:].numel()
            peft.set_adapter("default")
            peft.delete_adapter("soup")
        for name in ("first", "second"):
            peft.delete_adapter(name)
        synchronise(case.device)
        return count / (time.perf_counter() - start)

    return in_turns(ours, peer, rounds)


if __name__ == "__main__":
    main()
