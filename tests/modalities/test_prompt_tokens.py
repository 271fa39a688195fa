from __future__ import annotations

import torch

from rsoup_lightning.modalities.prompt_tokens import PromptTokens


def test_prompts_end_at_the_same_column() -> None:
    prompts = PromptTokens.of([[5, 6, 7], [8], [9, 4]], filler=0)
    assert prompts.tokens.tolist() == [[5, 6, 7], [0, 0, 8], [0, 9, 4]]
    assert prompts.mask.tolist() == [[True] * 3, [False, False, True], [False, True, True]]
    assert (prompts.lengths.tolist(), prompts.padding.tolist()) == ([3, 1, 2], [0, 2, 1])


def test_rows_keep_their_columns_until_they_are_trimmed() -> None:
    some = PromptTokens.of([[5, 6, 7], [8], [9, 4]], filler=0)[torch.tensor([2, 1, 2])]
    assert (len(some), some.tokens.shape) == (3, (3, 3))
    assert some.trimmed().tokens.tolist() == [[9, 4], [0, 8], [9, 4]]


def test_a_filler_that_is_a_token_too_is_told_apart_by_the_mask() -> None:
    prompts = PromptTokens.of([[0, 0], [0]], filler=0)
    assert prompts.trimmed().mask.tolist() == [[True, True], [False, True]]
