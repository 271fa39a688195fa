"""The abstract method, and the stages that it is made of.

Notation: R rewards, E experts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rsoup_lightning.conditioning import Conditioning
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.merging import linear, merge_weights
from rsoup_lightning.merging.methods import METHODS as MERGE_METHODS
from rsoup_lightning.merging.policy_weights import PARAMETER
from rsoup_lightning.mixture import prepared
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.policy import Weights
from rsoup_lightning.simplex import LINEAR, Coefficients, one_hot

INIT = "init"
"""The stage that trains the shared initialisation."""

Preference = dict[str, float]


@dataclass(frozen=True)
class Stage:
    """One training: where its weights go, what it maximises, for how long, and from which stage's weights on.

    With ``conditioning`` it trains experts together, and its weights are those of all of them.
    With ``epochs_before`` it goes on, with other rollouts, where a training of so many epochs ended. With a
    ``reference_rate`` the reference of its KL penalty follows it (``run/trainer/moving_reference.py``).
    """

    name: str
    preference: Preference
    epochs: int
    start: str | None = INIT
    conditioning: Conditioning | None = None
    reference_rate: float = 0.0
    epochs_before: int = 0

    @property
    def family(self) -> str:
        """ "init", "experts" or "baselines"; a method may have others."""
        return self.name.split("/")[0]

    @property
    def sources(self) -> tuple[str, ...]:
        """The stages whose weights it needs."""
        return (self.start,) if self.start else ()


@dataclass(frozen=True)
class Made:
    """Weights that were made without training.

    Attributes:
        weights: what they are.
        lost: what adapters of the policy's rank could not hold of them, relative to all updates, in the Frobenius norm.
    """

    weights: Weights
    lost: float = 0.0


@dataclass(frozen=True)
class Derived:
    """Weights that are made of those of other stages, without training.

    Attributes:
        name: where they go.
        sources: of which stages.
        make: what makes them, of the sources' weights in order.
    """

    name: str
    sources: tuple[str, ...]
    make: Callable[[Sequence[Weights]], Made]


class Method(ABC):
    """Which experts a run trains, and which λ over them serves a preference μ.

    Launchers, resumed runs, sweep, report, page and server work for each method unchanged.
    """

    mixing: str = LINEAR
    """How experts become one policy at λ, as ``method`` of a point in front.json has it: a merge method, or outputs."""

    options: Mapping[str, Any] = {}
    """Those of the merge method."""

    least_epochs: int = 1
    """The fewest that an expert can be trained for."""

    origin: str = INIT
    """The stage whose weights a merge method takes as where all experts began."""

    @property
    def merges(self) -> bool:
        """Whether weights are merged by another merge method than the linear one, one λ after another."""
        return self.mixing in MERGE_METHODS and self.mixing != LINEAR

    def check(self, module: RewardFineTuner, rewards: Sequence[str]) -> None:
        """Require that the method fits what is to be trained.

        Args:
            module: what trains.
            rewards: as of :meth:`experts`.

        Raises:
            ConfigError: it does not; names the setting.
        """
        if not self.merges:
            prepared(module.policy, [module.policy.weights()], self.mixing)
        elif any(map(PARAMETER.fullmatch, module.policy.weights())):
            raise ConfigError(
                f"soup.method merges by {self.mixing}, which takes whole weights, and LoRA is trained: leave lora out "
                "of the model, or merge by linear"
            )

    @abstractmethod
    def experts(self, rewards: Sequence[str]) -> dict[str, Preference]:
        """The μ that each expert is trained on, by the expert's name, which is also that of its folder.

        Args:
            rewards: R names of those that span the front.

        Raises:
            RSoupError: the method does not fit these rewards.
        """

    @abstractmethod
    def coefficients(self, preference: Sequence[float], rewards: Sequence[str]) -> Coefficients:
        """λ, one per expert, for a preference; they sum to one, and a method may extrapolate to negative ones.

        Args:
            preference: μ, one weight per reward.
            rewards: as of :meth:`experts`.
        """

    def stages(self, rewards: Sequence[str], epochs: int) -> list[Stage | Derived]:
        """Everything between init and the sweep, each stage after its sources. Default: each expert begins at init.

        Args:
            rewards: as of :meth:`experts`.
            epochs: what each expert costs in all.
        """
        return [Stage(f"experts/{name}", preference, epochs) for name, preference in self.experts(rewards).items()]

    def each_from_init(self, rewards: Sequence[str]) -> bool:
        """Whether each expert is one training from init, as those of :class:`MORL` are.

        Args:
            rewards: as of :meth:`experts`.
        """
        plain = {stage.name: stage for stage in Method.stages(self, rewards, self.least_epochs)}
        return {stage.name: stage for stage in self.stages(rewards, self.least_epochs)} == plain

    def merged(self, experts: Sequence[Weights], coefficients: Coefficients, origin: Weights | None = None) -> Weights:
        """The weights at λ; an expert alone is that expert.

        Args:
            experts: E weights.
            coefficients: λ.
            origin: the weights of the stage ``origin``, where :attr:`merges`.
        """
        if not self.merges or coefficients in one_hot(len(experts)):
            return linear(experts, coefficients, extrapolate=True)
        init = {name: tensor.to(experts[0][name].device) for name, tensor in (origin or {}).items()}
        return merge_weights(experts, coefficients, method=self.mixing, init=init, extrapolate=True, **self.options)

    def lattice(self, rewards: Sequence[str], preferences: Sequence[Sequence[float]]) -> list[Coefficients]:
        """The λ to evaluate: those of all ``preferences``, and every expert alone, each once."""
        served = [self.coefficients(preference, rewards) for preference in preferences]
        return [*dict.fromkeys([*served, *one_hot(len(self.experts(rewards)))])]


def expert_name(preference: Preference) -> str:
    """What to call the expert of a preference: its reward, or the weights of several.

    >>> expert_name({"risky": 1.0}), expert_name({"risky": 0.2, "cautious": 0.8})
    ('risky', '0.2-0.8')
    """
    weighed = [name for name, weight in preference.items() if weight]
    return weighed[0] if len(weighed) == 1 else "-".join(f"{weight:.6g}" for weight in preference.values())
