"""``Soup``: experts that play at any λ, every row of a batch at its own if need be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from rsoup_lightning.environment import Environment
from rsoup_lightning.errors import ConfigError, FrontError
from rsoup_lightning.merging import linear
from rsoup_lightning.mixture import Rows, prepared
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.policy import Merge, Policy, Weights
from rsoup_lightning.simplex import LINEAR, Coefficients, check_named_coefficients

Point = Mapping[str, float]


class Soup:
    """Experts of one policy, in memory once and ready to play; :func:`rsoup_lightning.load` makes it of a run.

    It is for one thread at a time, and so is all that :meth:`at` and :meth:`running` return: they share its policy. An
    engine (``serving/engine.py``) plays it for many threads.

    >>> from rsoup_lightning import load
    >>> soup = load("runs/locomotion-quickstart")  # doctest: +SKIP
    >>> soup.at(risky=0.7, cautious=0.3).act(observations)  # doctest: +SKIP

    Args:
        policy: plays the experts; it is the soup's alone from now on.
        experts: name to weights.
        environment: how they are played (``Environment.player``, ``Environment.running``).
        rewards: names of the rewards that a preference weighs.
        front: what was measured of these experts, if anything.
        device: where to play; default: a GPU where there is one.
        mixing: how to mix them; see :func:`mixture.prepared`.
        merge: makes the weights at λ of theirs, one λ at a time, instead.

    Attributes:
        experts: their names, in the order of coefficients.
        rewards: likewise.
        front, environment: as given.
    """

    def __init__(
        self,
        policy: Policy,
        experts: Mapping[str, Weights],
        environment: Environment,
        rewards: Sequence[str] = (),
        front: RunFront | None = None,
        device: str | torch.device | None = None,
        mixing: str = LINEAR,
        merge: Merge | None = None,
    ) -> None:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.experts, self.rewards, self.front = tuple(experts), tuple(rewards), front
        self._policy, self.environment = policy.eval().to(place), environment
        weights = [{key: tensor.to(place) for key, tensor in expert.items()} for expert in experts.values()]
        self._soups = prepared(policy, weights, mixing) if merge is None else None
        self._merge = merge or partial(linear, names=self.experts, extrapolate=True)
        self._weights = weights if self._soups is None else []  # which holds them itself
        self._in_policy: Coefficients | None = None  # where ``_weights`` are merged into it now

    @classmethod
    def from_adapters(
        cls,
        base: str | Path,
        adapters: Mapping[str, str | Path],
        *,
        device: str | torch.device | None = None,
        **settings: Any,
    ) -> Soup:
        """The soup of LoRA adapters of one language model that somebody already has.

        >>> soup = Soup.from_adapters("org/model", {"kind": "lora1", "brief": "lora2"})  # doctest: +SKIP
        >>> soup.at(kind=0.5, brief=0.5).generate(["What is a soup?"])  # doctest: +SKIP

        Args:
            base: their base, a hub name or folder.
            adapters: what to call each expert, and its folder as PEFT writes it; ranks and layers may differ.
            device: where to play; default: a GPU where there is one.
            **settings: how prompts are answered: ``template``, ``temperature``, ``max_new_tokens`` ...; see
                :func:`modalities.language.adapted.adapted`.

        Raises:
            ConfigError: the base cannot be loaded.
            MergeError: adapters that do not fit the base or each other, or are not plain LoRA.
            WeightsError: an adapter is missing or damaged.
        """
        from rsoup_lightning.modalities.language.adapted import adapted  # which only language models need

        policy, environment, experts = adapted(base, adapters, **settings)
        return cls(policy, experts, environment, device=device)

    def __repr__(self) -> str:
        return f"Soup({', '.join(self.experts)})"

    def at(
        self,
        coefficients: Point | Sequence[Point] | None = None,
        /,
        *,
        preference: Point | None = None,
        **named: float,
    ) -> Any:
        """The soup at one λ, or with a λ for each row of the batches that it will be given, ready to play.

        Args:
            coefficients: λ, expert to weight on the simplex, absent ones weigh zero; or a sequence of such, for row b
                the b-th. A soup of one expert needs none.
            preference: μ instead, reward to weight: λ is the best one for it by the front (see :meth:`Front.pick`).
            **named: λ likewise: ``at(risky=0.7, cautious=0.3)``.

        Returns:
            What has one method of these, by the experts' kind: ``act(observations)``, ``generate(prompts)``,
            ``draw(prompts)`` or ``describe(pictures)``.

        Raises:
            UnknownNameError: no such expert, or reward.
            CoefficientError: λ or μ off the simplex.
            FrontError: a preference, and no front to look it up in.
            ConfigError: more than one of λ and μ is given, or none; or nobody has said how these experts are played.
        """
        if (coefficients is not None) + (preference is not None) + bool(named) > 1:
            raise ConfigError("at() takes λ or a preference, and one of them only")
        if preference is not None:
            if self.front is None:
                raise FrontError("these experts have no front that tells which λ suits a preference: give λ")
            chosen = self.front.pick(preference).coefficients  # a method may extrapolate
            return self.environment.player(Rows(self, [tuple(chosen[name] for name in self.experts)], each=False))
        if coefficients is None:
            if not named and len(self.experts) > 1:
                raise ConfigError(f"at() needs λ, weights of {', '.join(self.experts)}")
            coefficients = named or {self.experts[0]: 1.0}
        if isinstance(coefficients, Mapping):
            point = check_named_coefficients(coefficients, self.experts)
            return self.environment.player(Rows(self, [point], each=False))
        points = [check_named_coefficients(point, self.experts) for point in coefficients]
        return self.environment.player(Rows(self, points))

    @property
    def side_by_side(self) -> bool:
        """Whether rows at different λ can share a batch: LoRA experts and small networks can, whole weights cannot."""
        return self._soups is not None

    def mixed(self, points: Sequence[Coefficients]) -> Policy:
        """What plays M points λ at once, each of E numbers, its rows in one group per λ, in order; until the next call.

        Raises:
            ConfigError: different λ of experts that cannot play side by side.
        """
        if self._soups is not None:
            return self._soups(points)
        point, *others = dict.fromkeys(points)
        if others:
            raise ConfigError("whole weights play one λ at a time: give the rows of each λ in a batch of their own")
        if point != self._in_policy:
            self._in_policy = None  # until all of it is there
            self._policy.load_weights(self._merge(self._weights, point))
            self._in_policy = point
        return self._policy

    def running(self, **limits: int) -> Any:
        """A batch whose rows come and go, each at its own λ, for servers; what it takes follows from the modality.

        Args:
            **limits: as of the batch: :class:`modalities.language.running.RunningTexts`.

        Raises:
            ConfigError: these experts play whole batches only, or a limit makes no sense.
        """
        return self.environment.running(self, **limits)
