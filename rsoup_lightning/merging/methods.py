"""Ways to merge, each a pure function of one named tensor, registered through one door.

Notation: E experts θ_1 ... θ_E, init θ_0, task vectors τ_i = θ_i - θ_0, coefficients λ_1 ... λ_E.
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import docstring_parser
import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError, MergeError, UnknownNameError

PIECE = 1 << 20  # entries


@dataclass(frozen=True)
class Ingredients:
    """What a method sees of one tensor.

    Attributes:
        name: of the tensor.
        experts: E tensors of the same shape, float32 or float64.
        coefficients: λ.
        init: the tensor in the shared initialisation, or None where it was not given.
    """

    name: str
    experts: Sequence[Tensor]
    coefficients: Sequence[float]
    init: Tensor | None

    @property
    def ancestor(self) -> Tensor:
        """θ_0, which the engine has made sure of for methods that need it."""
        assert self.init is not None
        return self.init

    @property
    def task_vectors(self) -> list[Tensor]:
        """τ_i = θ_i - θ_0."""
        return [expert - self.ancestor for expert in self.experts]


@dataclass(frozen=True)
class MergeMethod:
    """A registered way to merge.

    Attributes:
        name: on the command line.
        function: from ingredients to the merged tensor.
        elementwise: it may be given any slice of a tensor, so that large ones need little memory.
        needs_init: it works on task vectors.
        keeps_experts: a one-hot λ gives that expert, and λ that sum to one what all experts agree on, bit for bit.
    """

    name: str
    function: Callable[..., Tensor]
    elementwise: bool
    needs_init: bool
    keeps_experts: bool

    @property
    def summary(self) -> str:
        """The first line of what its function says of itself."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def settings(self) -> dict[str, Any]:
        """Its own settings and their defaults."""
        return settings_of(self.function)

    def explanation(self, setting: str) -> str:
        """What the docstring of its function says of a setting."""
        described = docstring_parser.parse(inspect.getdoc(self.function) or "").params
        said = next((item.description for item in described if item.arg_name == setting), None)
        return " ".join((said or "").split()).removesuffix(".")

    def bound(self, **options: Any) -> MergeMethod:
        """The same method with some of its settings changed.

        Raises:
            ConfigError: a setting it does not have, or a value of another kind than its default.
        """
        for option in options.keys() - self.settings.keys():
            known = ", ".join(self.settings) or "none"
            raise ConfigError(f"the method {self.name!r} has no setting {option!r}; its settings: {known}")
        for option, value in options.items():
            default = self.settings[option]
            if not _is_of_kind(value, default):
                said = f"the setting {option!r} of {self.name!r} is {value!r:.60}"
                raise ConfigError(f"{said}: give a value as its default, {default!r}")
        function = partial(self.function, **options)
        return MergeMethod(self.name, function, self.elementwise, self.needs_init, self.keeps_experts)


METHODS: dict[str, MergeMethod] = {}


def register(
    name: str, *, elementwise: bool, needs_init: bool, keeps_experts: bool
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Make a function known as a method: of :class:`Ingredients`, its settings keyword-only; see :class:`MergeMethod`.

    ``rsoup merge`` takes each setting as an option, with the type, the default and the words that the function gives.
    """

    def door(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        METHODS[name] = MergeMethod(name, function, elementwise, needs_init, keeps_experts)
        return function

    return door


def method(name: str, options: Mapping[str, Any] | None = None) -> MergeMethod:
    """The method called ``name`` with ``options``.

    Raises:
        UnknownNameError: there is none; suggests the nearest name.
        ConfigError: an option it does not have.
    """
    if name not in METHODS:
        raise UnknownNameError("merge method", name, METHODS)
    return METHODS[name].bound(**options or {})


def settings() -> dict[str, list[MergeMethod]]:
    """The settings of all methods, each with those that have it."""
    return {
        name: [known for known in METHODS.values() if name in known.settings]
        for name in dict.fromkeys(name for known in METHODS.values() for name in known.settings)
    }


def settings_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The keyword-only parameters of a function, and their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


@register("linear", elementwise=True, needs_init=False, keeps_experts=True)
def rewarded_soup(given: Ingredients) -> Tensor:
    """Σ λ_i θ_i: the rewarded soup (Ramé et al. 2023, section 2.2)."""
    return weighted_sum(given.experts, given.coefficients)


@register("task_arithmetic", elementwise=True, needs_init=True, keeps_experts=True)
def task_arithmetic(given: Ingredients) -> Tensor:
    """θ_0 + Σ λ_i τ_i: differs from linear where Σ λ_i is not one (Ilharco et al. 2023)."""
    return given.ancestor + weighted_sum(given.task_vectors, given.coefficients)


@register("slerp", elementwise=False, needs_init=True, keeps_experts=True)
def slerp(given: Ingredients) -> Tensor:
    """θ_0 + spherical interpolation of two task vectors (Shoemake 1985; Ramé et al. 2024, WARP).

    Unlike linear it keeps their length where they are far apart; nearly parallel or opposite ones, between which no arc
    is the shortest or has a length to speak of, are interpolated linearly.
    """
    if len(given.experts) != 2:
        raise MergeError(f"slerp goes between two experts, got {len(given.experts)}: use linear")
    first, second = given.task_vectors
    if not first.any() or not second.any():  # without a direction there is no arc
        return given.ancestor + weighted_sum([first, second], given.coefficients)
    # Rounded to float32, the cosine of opposite directions would leave an angle that looks like an arc.
    cosine = _dot(first, second) / math.sqrt(_dot(first, first) * _dot(second, second))
    angle = math.acos(max(-1.0, min(1.0, cosine)))
    a, b = given.coefficients
    if math.sin(angle) < 1e-4:
        return given.ancestor + weighted_sum([first, second], [a, b])
    arcs = [math.sin(a * angle) / math.sin(angle), math.sin(b * angle) / math.sin(angle)]
    return given.ancestor + weighted_sum([first, second], arcs)


@register("ties", elementwise=False, needs_init=True, keeps_experts=False)
def ties(given: Ingredients, *, density: float = 0.2) -> Tensor:
    """θ_0 + task vectors trimmed, their signs elected, the agreeing ones averaged (Yadav et al. 2023, section 4).

    Their mean is weighted by the absolute λ_i, and its scale is the sum of these, the paper's λ: where all agree, it is
    task arithmetic.

    Args:
        given: the tensor.
        density: share of each task vector's entries to keep, the largest ones, in (0, 1].
    """
    _check_density(density)
    pairs = list(zip(given.task_vectors, given.coefficients, strict=True))
    weighted = [weight * _trim(vector, density) for vector, weight in pairs]
    sign = torch.stack(weighted).sum(0).sign()
    total, weight_sum = torch.zeros_like(sign), torch.zeros_like(sign)
    for vector, (_, weight) in zip(weighted, pairs, strict=True):
        agrees = (vector.sign() == sign) & (vector != 0)
        total += torch.where(agrees, vector, 0)
        weight_sum += agrees * abs(weight)
    scale = sum(map(abs, given.coefficients))
    return given.ancestor + scale * total / weight_sum.clamp(min=torch.finfo(total.dtype).tiny)


@register("dare", elementwise=False, needs_init=True, keeps_experts=False)
def dare(given: Ingredients, *, density: float = 0.5, seed: int = 0) -> Tensor:
    """θ_0 + Σ λ_i of task vectors randomly thinned and rescaled to the same mean (Yu et al. 2024, section 3).

    Args:
        given: the tensor.
        density: share of each task vector's entries to keep, in (0, 1].
        seed: of the choice; each tensor and expert draws its own from it, whatever the order of merging.
    """
    _check_density(density)
    thinned = []
    for index, vector in enumerate(given.task_vectors):
        digest = hashlib.sha256(f"{seed}:{index}:{given.name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
        kept = torch.rand(vector.shape, generator=generator).to(vector.device) < density
        thinned.append(torch.where(kept, vector / density, 0))
    return given.ancestor + weighted_sum(thinned, given.coefficients)


@register("liti", elementwise=True, needs_init=True, keeps_experts=False)
def liti(given: Ingredients, *, towards_init: float = 0.5) -> Tensor:
    """(1 - η) Σ λ_i θ_i + η θ_0: the soup, part of the way back to init (Wortsman et al. 2022; Ramé et al. 2024).

    Args:
        given: the tensor.
        towards_init: η, how far back to init, in [0, 1].
    """
    if not 0 <= towards_init <= 1:
        raise ConfigError(f"towards_init must lie in [0, 1], got {towards_init}")
    return torch.lerp(weighted_sum(given.experts, given.coefficients), given.ancestor, towards_init)


def _is_of_kind(value: Any, default: Any) -> bool:
    """Whether a setting may have a value: one of its default's type, a whole number for a float, anything for None."""
    if isinstance(default, bool) or isinstance(value, bool):
        return default is None or (isinstance(value, bool) and isinstance(default, bool))
    return default is None or isinstance(value, int | float if isinstance(default, float) else type(default))


def weighted_sum(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Σ w_i t_i, in the tensors' own dtype; one buffer."""
    total = tensors[0] * weights[0]
    for tensor, weight in zip(tensors[1:], weights[1:], strict=True):
        total.add_(tensor, alpha=weight)
    return total


def _dot(first: Tensor, second: Tensor) -> float:
    """The inner product of two tensors in float64, so many entries at a time that large ones need little memory."""
    pieces = zip(first.flatten().split(PIECE), second.flatten().split(PIECE), strict=True)
    return sum((one.double() @ two.double()).item() for one, two in pieces)


def _trim(vector: Tensor, density: float) -> Tensor:
    """``vector`` with all but its ``density`` share of largest magnitudes set to zero."""
    keep = max(1, round(density * vector.numel()))
    if keep >= vector.numel():
        return vector
    threshold = vector.abs().flatten().kthvalue(vector.numel() - keep + 1).values
    return torch.where(vector.abs() >= threshold, vector, 0)


def _check_density(density: float) -> None:
    if not 0 < density <= 1:
        raise ConfigError(f"density must lie in (0, 1], got {density}")
