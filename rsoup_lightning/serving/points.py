"""Which λ a request plays: of its body, of the model's name it asks for, or the server's default."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from rsoup_lightning.errors import ConfigError, FrontError
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.serving.errors import RequestError, blaming
from rsoup_lightning.serving.model_names import AT, coefficients_in
from rsoup_lightning.simplex import Coefficients, check_named_coefficients, rounded

REMEMBERED = 256  # preferences whose λ need not be looked up again


@dataclass(frozen=True)
class ServedPoint:
    """A λ, and what the answer says of it.

    Attributes:
        coefficients: λ, one per expert.
        record: λ by name; where a preference asked for it also μ and what the front expects.
    """

    coefficients: Coefficients
    record: Mapping[str, Any]


class Weighed(Protocol):
    """What λ is of, as :class:`Soup` has it."""

    @property
    def experts(self) -> tuple[str, ...]:
        """Their names."""

    @property
    def rewards(self) -> tuple[str, ...]:
        """What a preference weighs."""

    @property
    def front(self) -> RunFront | None:
        """What was measured of them, if anything."""


class Points:
    """The λ of requests to one soup.

    Args:
        name: of the model, before the ``@``.
        soup: whose experts and front it is.
        coefficients: λ of requests that give none.
        preference: μ instead.

    Raises:
        ConfigError: both are given, or the name has an ``@``.
        CoefficientError: λ or μ off the simplex.
        UnknownNameError: no such expert, or reward.
        FrontError: a preference, and no front to look it up in.
    """

    def __init__(
        self,
        name: str,
        soup: Weighed,
        coefficients: Mapping[str, float] | None = None,
        preference: Mapping[str, float] | None = None,
    ) -> None:
        if AT in name or not name:
            raise ConfigError(f"the model's name is {name!r}: it needs one without {AT}, which λ follows")
        if coefficients is not None and preference is not None:
            raise ConfigError("give coefficients or a preference as the default, not both")
        self.name, self.experts, self.rewards, self._front = name, soup.experts, soup.rewards, soup.front
        self._picked = lru_cache(REMEMBERED)(self._pick)
        self.default: ServedPoint | None = None
        if coefficients is not None:
            self.default = self._named(coefficients)
        elif preference is not None:
            self.default = self._picked(tuple(preference.items()))
        elif len(self.experts) == 1:
            self.default = self._at((1.0,))

    @property
    def takes_preferences(self) -> bool:
        """Whether there is a front to look them up in."""
        return self._front is not None

    def check_model(self, model: str) -> None:
        """Require that a model's name, with or without λ, is right.

        Raises:
            RequestError: 404 for another model, 400 for λ off the simplex.
        """
        name, at, written = model.partition(AT)
        if name != self.name:
            known = f"the model here is {self.name!r}, or {self.name}{AT} and λ"
            raise RequestError(f"no model {model!r:.80}: {known}", "model", status=404, code="model_not_found")
        if at:
            with blaming("model"):
                coefficients_in(written, self.experts)

    def find(
        self,
        model: str | None = None,
        coefficients: Mapping[str, float] | None = None,
        preference: Mapping[str, float] | None = None,
    ) -> ServedPoint:
        """The λ of a request.

        Args:
            model: the name, by itself or with λ: ``name@kind=0.3,brief=0.7``, or ``name@0.3,0.7`` in order.
            coefficients: λ, expert to weight.
            preference: μ instead, reward to weight.

        Raises:
            RequestError: 404 for another model; 400 for none or more than one of λ and μ, or one that is not right.
        """
        model = self.name if model is None else model
        self.check_model(model)
        _, at, written = model.partition(AT)
        given = {"model": at, "coefficients": coefficients is not None, "preference": preference is not None}
        ways = [way for way, is_given in given.items() if is_given]
        if len(ways) > 1:
            raise RequestError(f"{' and '.join(ways)} say which λ to play: give one of them", ways[-1])
        with blaming(ways[0] if ways else "coefficients"):
            if at:
                return self._at(coefficients_in(written, self.experts))
            if coefficients is not None:
                return self._named(coefficients)
            if preference is not None:
                return self._picked(tuple(preference.items()))
        if self.default is None:
            example = json.dumps(rounded(dict.fromkeys(self.experts, 1 / len(self.experts)), 3), ensure_ascii=False)
            more = ", or a preference" if self.takes_preferences else ""
            said = f"no λ, and no default here: give coefficients such as {example}{more}"
            raise RequestError(said, "coefficients")
        return self.default

    def _named(self, coefficients: Mapping[str, float]) -> ServedPoint:
        return self._at(check_named_coefficients(coefficients, self.experts))

    def _at(self, point: Coefficients) -> ServedPoint:
        return ServedPoint(point, {"coefficients": dict(zip(self.experts, point, strict=True))})

    def _pick(self, preference: tuple[tuple[str, float], ...]) -> ServedPoint:
        if self._front is None:
            raise FrontError("these experts have no front that tells which λ suits a preference: give coefficients")
        chosen = self._front.pick(dict(preference))
        point = self._at(tuple(chosen.coefficients[expert] for expert in self.experts))
        found = chosen.record()
        kept = ("scores", "ci95", "utility", "utility_ci95")
        expected = {**{key: found[key] for key in kept}, "reason": chosen.reason}
        return ServedPoint(
            point.coefficients, {**point.record, "preference": found["preference"], "expected": expected}
        )
