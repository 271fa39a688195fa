"""Writing answers token by token: sampled, the most likely token each time, or the best of several beams.

Rows are read anew for each token: answers are short, and open_clip's decoder keeps no keys and values.

Notation: B rows, P tokens of the longest prompt, T of the longest answer, V words, K beams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.tokens import check_known

Follow = Callable[[Tensor, Tensor], Tensor]
"""Logits ``[R, L, V]`` of what follows each of ``tokens [R, L]``; row r sees the picture of row ``rows[r]``."""


@dataclass(frozen=True)
class Answers:
    """What was written.

    Attributes:
        tokens: ``[B, T]``, the end token included, padding after it.
        mask: ``[B, T]`` bool, true up to and including the end token.
    """

    tokens: Tensor
    mask: Tensor


def joined(prompts: PromptTokens, tokens: Tensor, padding: int) -> Tensor:
    """``[B, P + T]``: each prompt, right after it its answer ``tokens [B, T]``, and padding."""
    row = torch.cat([prompts.tokens, tokens, torch.full_like(prompts.tokens, padding)], dim=1)
    columns = torch.arange(prompts.tokens.shape[1] + tokens.shape[1], device=row.device)
    return row.gather(1, columns + prompts.padding.unsqueeze(1))


def answer_columns(prompts: PromptTokens, steps: int) -> Tensor:
    """``[B, T]`` the columns of the answers' tokens in the rows of :func:`joined`."""
    return prompts.lengths.unsqueeze(1) + torch.arange(steps, device=prompts.tokens.device)


def answer_logits(follow: Follow, prompts: PromptTokens, tokens: Tensor, rows: Tensor, padding: int) -> Tensor:
    """``[B, T, V]`` logits from which ``tokens [B, T]`` were chosen; gradients flow."""
    steps = tokens.shape[1]
    logits = follow(joined(prompts, tokens, padding)[:, :-1], rows)
    columns = answer_columns(prompts, steps) - 1
    return logits.gather(1, columns.unsqueeze(-1).expand(-1, -1, logits.shape[-1]))


@torch.no_grad()
def sample_answers(
    follow: Follow, prompts: PromptTokens, *, limit: int, end: int, padding: int, temperature: float = 1.0, greedy: bool
) -> Answers:
    """Answer each prompt until the end token.

    Args:
        follow: the model.
        prompts: B of them.
        limit: the most tokens of an answer.
        end: the token that ends one.
        padding: the token to fill up with.
        temperature: of the softmax.
        greedy: take the most likely token each time.
    """
    count, device = len(prompts.tokens), prompts.tokens.device
    tokens = torch.full((count, limit), padding, device=device)
    mask = torch.zeros(count, limit, dtype=torch.bool, device=device)
    active = torch.arange(count, device=device)
    for step in range(limit):
        logits = _next(follow, prompts[active], tokens[active, :step], active, padding) / temperature
        chosen = logits.argmax(-1) if greedy else torch.multinomial(logits.softmax(-1), 1).squeeze(1)
        tokens[active, step], mask[active, step] = chosen, True
        active = active[chosen != end]
        if not len(active):
            return Answers(tokens[:, : step + 1], mask[:, : step + 1])
    return Answers(tokens, mask)


@torch.no_grad()
def beam_search(follow: Follow, prompts: PromptTokens, *, beams: int, limit: int, end: int, padding: int) -> Answers:
    """The most likely answer to each prompt that a search over ``beams`` candidates finds, per token of its length.

    Args:
        follow: the model.
        prompts: B of them.
        beams: K candidates that are kept at each token.
        limit: the most tokens of an answer.
        end: the token that ends one.
        padding: the token to fill up with.
    """
    count, device = len(prompts.tokens), prompts.tokens.device
    rows = torch.arange(count, device=device).repeat_interleave(beams)
    tokens = torch.full((count, beams, limit), padding, device=device)
    scores = torch.full((count, beams), -torch.inf, device=device)  # of the whole answers so far
    scores[:, 0] = 0  # at first all beams are the same
    ended = torch.zeros(count, beams, dtype=torch.bool, device=device)
    lengths = torch.zeros(count, beams, device=device)
    for step in range(limit):
        logits = _next(follow, prompts[rows], tokens.flatten(0, 1)[:, :step], rows, padding)
        grown = torch.log_softmax(logits, -1).unflatten(0, (count, beams))
        words = grown.shape[-1]
        # An ended beam goes on in one way only, at no cost.
        stay = torch.full((words,), -torch.inf, device=device)
        stay[padding] = 0
        totals = scores.unsqueeze(-1) + torch.where(ended.unsqueeze(-1), stay, grown)
        longer = (lengths + ~ended).unsqueeze(-1)
        best = (totals / longer).flatten(1).topk(beams).indices
        parents, chosen = best // words, best % words
        scores = totals.flatten(1).gather(1, best)
        tokens = tokens.gather(1, parents.unsqueeze(-1).expand_as(tokens))
        tokens[:, :, step] = chosen
        lengths = longer.squeeze(-1).gather(1, parents)
        ended = ended.gather(1, parents) | (chosen == end)
        if ended.all():
            break
    first = (scores / lengths).argmax(1)
    index = torch.arange(count, device=device)
    steps = torch.arange(limit, device=device)
    longest = int(lengths[index, first].max())
    return Answers(tokens[index, first, :longest], (steps < lengths[index, first].unsqueeze(1))[:, :longest])


def _next(follow: Follow, prompts: PromptTokens, tokens: Tensor, rows: Tensor, padding: int) -> Tensor:
    """``[R, V]`` logits of the token after ``tokens [R, t]``, the same number for all rows.

    Raises:
        RewardError: they give no probabilities, as after a training that diverged.
    """
    logits = follow(joined(prompts, tokens, padding), rows)
    last = prompts.lengths + tokens.shape[1] - 1
    chosen_from = logits[torch.arange(len(last), device=last.device), last].float()
    largest = chosen_from.amax(-1, keepdim=True)  # NaN where any is; less itself, also where it is infinite
    check_known(largest - largest, torch.ones_like(largest, dtype=torch.bool))
    return chosen_from
