"""What does a λ sweep of a language model cost? All λ in one batch, against PEFT's adapters one λ after another.

SmolLM2-135M and two LoRA experts of rank 16; 11 λ; every λ continues the same prompts by 24 tokens. The peer builds the
adapter of each λ with PEFT's ``add_weighted_adapter("cat")``, which is exact as ours is, and samples with transformers'
``generate``.
"""

from __future__ import annotations

import time

import torch
from text_throughput import prompts
from timing import in_turns, report

from rsoup_lightning.modalities.language.base import LoRA, load_base
from rsoup_lightning.modalities.language.packaged_model import SMOLLM2
from rsoup_lightning.modalities.language.policy import LanguagePolicy, SoupedPolicy
from rsoup_lightning.modalities.language.reading import Prompts
from rsoup_lightning.modalities.language.sampling import gumbel, sample, shared_by
from rsoup_lightning.simplex import grid

LAMBDAS, PROMPTS, TOKENS, ROUNDS = 11, 8, 24, 5


def main() -> None:
    """Measure and print."""
    torch.manual_seed(0)
    model, tokenizer = load_base(SMOLLM2, "bfloat16")
    policy = LanguagePolicy(model, LoRA())
    experts = [{n: torch.randn(w.shape) * 0.02 for n, w in policy.weights().items()} for _ in range(2)]
    points = grid(2, LAMBDAS)
    texts = tokenizer(prompts()[:PROMPTS], padding=True, padding_side="left", return_tensors="pt")
    mask = texts["attention_mask"].bool()
    batch = Prompts(texts["input_ids"], mask)

    def ours() -> float:
        start = time.perf_counter()
        every = batch.rows(torch.arange(PROMPTS).repeat(LAMBDAS))
        with SoupedPolicy(policy, experts, points).playing() as souped:
            noise = shared_by(PROMPTS, gumbel())
            done = sample(souped, every, limit=TOKENS, ends=[-1], padding=tokenizer.pad_token_id, noise=noise)
        assert done.tokens.shape == (LAMBDAS * PROMPTS, TOKENS)
        return done.tokens.numel() / (time.perf_counter() - start)

    peft = policy.model
    for name, expert in zip(("first", "second"), experts, strict=True):
        peft.add_adapter(name, peft.peft_config["default"])
        for key, tensor in expert.items():
            target = key.removeprefix("model.").replace(".default.", f".{name}.")
            peft.get_parameter(target).data.copy_(tensor)
    peft.eval()

    def peer() -> float:
        start, count = time.perf_counter(), 0
        for point in points:
            peft.add_weighted_adapter(["first", "second"], list(point), "soup", combination_type="cat")
            peft.set_adapter("soup")
            done = peft.generate(**texts, do_sample=True, max_new_tokens=TOKENS, min_new_tokens=TOKENS)
            count += done[:, texts["input_ids"].shape[1] :].numel()
            peft.set_adapter("default")
            peft.delete_adapter("soup")
        return count / (time.perf_counter() - start)

    print(f"{SMOLLM2}: {LAMBDAS} λ × {PROMPTS} prompts × {TOKENS} tokens, tokens per second")
    result = in_turns(ours, peer, ROUNDS)
    print(f"\n{'all λ in one batch':<28}{result['ours']:>8,.0f} tokens/s")
    print(f"{'PEFT, one λ after another':<28}{result['peer']:>8,.0f} tokens/s")
    report("text_sweep", "tokens/s", result)


if __name__ == "__main__":
    main()
