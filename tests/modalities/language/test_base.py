"""The pre-trained model under a policy, against transformers' own use of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rsoup_lightning.modalities.language import LanguageFineTuner
from tests.modalities.language.tiny import Letters, Sentences, llama, saved, tokenizer


def tuner(folder: str, **changes: Any) -> LanguageFineTuner:
    settings = {"lora": None, "precision": "float32", "max_new_tokens": 20, "batch_size": 12, **changes}
    made = LanguageFineTuner(folder, Sentences(), {"early": Letters()}, **settings)
    made.environment.begin(0)
    return made


def often_said(folder: str) -> int:
    """The token that most completions of the folder's model have in their middle, none of the special ones."""
    made = tuner(folder)
    tokens = made.environment.rollout(made.policy, 0, greedy=True)["tokens"][:, 2:10]
    return int(torch.bincount(tokens[tokens > 1]).argmax())


@pytest.mark.parametrize("kept_in", ["generation_config.json", "config.json"])
def test_every_end_token_of_the_folder_ends_a_completion_as_in_generate(kept_in: str, tmp_path: Path) -> None:
    folder = saved(tmp_path)
    turn_end = often_said(folder)
    (tmp_path / "generation_config.json").unlink()
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / kept_in).write_text(
        json.dumps({**(config if kept_in == "config.json" else {}), "eos_token_id": [1, turn_end]})
    )
    made = tuner(folder)
    rollout = made.environment.rollout(made.policy, 0, greedy=True)
    assert sum(turn_end in row for row in rollout["tokens"].tolist()) >= 3
    plain, written = type(llama()).from_pretrained(folder), rollout["prompt_mask"].sum(1)
    for row in range(len(rollout)):
        prompt = rollout["prompt_tokens"][row, -written[row] :].unsqueeze(0)
        expected = plain.generate(prompt, max_new_tokens=20, do_sample=False)[0, written[row] :].tolist()
        assert rollout["tokens"][row][rollout.mask[row]].tolist() == expected
        # What ends a completion is not part of the answer, also where the tokenizer takes it for a word.
        said = expected[:-1] if expected[-1] in (1, turn_end) else expected
        assert rollout.texts["answer"][row] == tokenizer().decode(said, skip_special_tokens=True)
