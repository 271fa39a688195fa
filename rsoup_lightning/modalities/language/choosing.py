"""Which token follows: the likeliest, or one drawn, each row by settings of its own.

Notation: N rows, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from rsoup_lightning.modalities.language.sampling import gumbel

COLDEST = 1e-6  # below it logits would not be finite when divided, and the likeliest word is drawn already
LIKELY = 256  # words that hold nearly all probability nearly always: a full sort costs as much as the model


def choose_tokens(
    logits: Tensor, temperatures: Sequence[float], top_p: Sequence[float], generators: Sequence[torch.Generator]
) -> Tensor:
    """``[N]`` the next token of each row.

    Args:
        logits: ``[N, V]``, float32.
        temperatures: of the softmax, per row; 0: the likeliest token.
        top_p: share of probability whose likeliest words are drawn from, per row (Holtzman et al. 2020); 1: all words.
        generators: of the CPU, per row; each drawn token takes V numbers of its row's.
    """
    chosen = logits.argmax(-1)
    drawn = [row for row, temperature in enumerate(temperatures) if temperature > 0]
    if not drawn:
        return chosen
    scaled = logits[drawn] / logits.new_tensor([max(temperatures[row], COLDEST) for row in drawn]).unsqueeze(1)
    cut = [place for place, row in enumerate(drawn) if top_p[row] < 1]
    if cut:
        scaled[cut] = nucleus(scaled[cut], logits.new_tensor([top_p[drawn[place]] for place in cut]))
    noise = gumbel([generators[row] for row in drawn])(len(drawn), logits.shape[1], logits.device)
    chosen[drawn] = (scaled + noise).argmax(-1)
    return chosen


def nucleus(logits: Tensor, top_p: Tensor) -> Tensor:
    """Logits ``[N, V]`` of the fewest likeliest words that have ``top_p [N]`` of the probability; -inf for the others.

    >>> nucleus(torch.tensor([[0.6, 0.3, 0.1]]).log(), torch.tensor([0.7])).exp()
    tensor([[0.6000, 0.3000, 0.0000]])
    """
    probabilities, words = logits.softmax(-1), logits.shape[1]
    count = min(LIKELY, words)
    while True:
        likeliest, places = probabilities.topk(count)
        kept = likeliest.cumsum(-1) - likeliest < top_p.unsqueeze(1)
        if count == words or not kept[:, -1].any():
            break
        count = min(4 * count, words)
    kept[:, 0] = True
    return torch.full_like(logits, -torch.inf).scatter(
        1, places, logits.gather(1, places).where(kept, logits.new_tensor(-torch.inf))
    )
