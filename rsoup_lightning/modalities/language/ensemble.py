"""A causal model whose logits are those of several experts, mixed at each token (MOD: Shi et al. 2024).

Softmax makes of λ-weighted logits what it makes of λ-weighted log-probabilities: they differ by a constant per token.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

from torch import Tensor, nn
from transformers.cache_utils import Cache
from transformers.modeling_outputs import CausalLMOutputWithPast

from rsoup_lightning.modalities.ensemble import Ensemble, as_points
from rsoup_lightning.modalities.language.reading import cache_argument


class TextEnsemble:
    """Experts of one causal model.

    Args:
        model: of transformers: what they take turns in.
        ensemble: they.
    """

    def __init__(self, model: Any, ensemble: Ensemble) -> None:
        self._model, self._ensemble = model, ensemble

    def at(self, coefficients: Sequence[Sequence[float]]) -> AbstractContextManager[Any]:
        """What takes the place of the model, inside the block: its rows in M groups, one per λ, in order."""
        return nullcontext(CausalEnsemble(self._model, self._ensemble, as_points(coefficients, len(self._ensemble))))


class CausalEnsemble(nn.Module):
    """Takes the place of a causal model where it reads on with a cache; arguments as of :class:`TextEnsemble`.

    Args:
        points: ``[M, E]`` the λ of the rows, which come in M groups, in order.
    """

    def __init__(self, model: Any, ensemble: Ensemble, points: Tensor) -> None:
        super().__init__()
        self.model, self.config = model, model.config
        self._ensemble, self._points, self._cache = ensemble, points, cache_argument(model)

    def forward(self, **inputs: Any) -> CausalLMOutputWithPast:
        """Logits, given the keyword arguments of the model."""
        cache: Cache = inputs.pop(self._cache)
        own = _shares(cache, len(self._ensemble))

        def logits(number: int) -> Tensor:
            return self.model(**inputs, **{self._cache: own[number]}).logits

        pooled = self._ensemble.pooled(logits, self._points)
        cache.layers = [layer for share in own for layer in share.layers]
        return CausalLMOutputWithPast(logits=pooled)


def _shares(cache: Cache, experts: int) -> list[Cache]:
    """A cache for each expert, of its share of the layers of one: rows that come and go do so in all of them."""
    layers, shares = cache.layers, []
    each = len(layers) // experts
    empty = not cache.get_seq_length()
    for number in range(experts):
        own = deepcopy(layers) if empty else layers[number * each : (number + 1) * each]
        shares.append(Cache(layers=own))
        shares[-1].layer_class_to_replicate = cache.layer_class_to_replicate
    return shares
