"""Algorithms of morl-baselines: built and trained by its code, and stopped when their steps or their time are spent.

They see the task's rewards as they are. What they evaluate for their log alone is switched off. Where evaluation steers
the training, as in GPI-LS and PGMORL, it stays, with one episode a policy: its time counts, its steps do not.

Notation: N rows, O observation size, A action size, R rewards.
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial, partialmethod
from typing import Any, ClassVar

import gymnasium
import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rsoup_lightning.comparing.peer import Assignment, Peer, Trained
from rsoup_lightning.comparing.peers.reward_vector import (
    BudgetSpentError,
    Meter,
    RewardVectorEnv,
    check_simulator,
    registered,
)
from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.modalities.control.player import Player
from rsoup_lightning.modalities.control.policy import StackedPolicy
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.optional import need

MODULE = "morl_baselines.multi_policy"
ENDLESS = 10**12  # steps: the meter ends a training
OURS = ("self", "env", "env_id", "seed", "device", "log", "origin", "dyna")
"""Arguments of constructors that are not the user's to give."""

Make = Callable[[], gymnasium.Env[Any, Any]]


@dataclass(frozen=True)
class MORLBaselines(Peer):
    """One of its algorithms.

    Args:
        settings: arguments of its class in morl-baselines, by their names; others have that class's defaults.
    """

    settings: dict[str, Any] = field(default_factory=dict)

    module: ClassVar[str]
    name: ClassVar[str]

    def check(self, module: RewardFineTuner, rewards: Sequence[str]) -> None:
        check_simulator(module.environment)
        known = [name for name in _arguments(self._class()) if name not in OURS]
        for name in self.settings:
            if name in OURS:
                raise ConfigError(f"settings of {self.name}: remove {name}: the suite sets it")
            if name not in known:
                raise UnknownNameError(f"setting of {self.name}", name, known)

    def train(self, assignment: Assignment) -> Trained:
        environment = check_simulator(assignment.module.environment)
        epochs = assignment.epochs
        limit = None if epochs is None else epochs * environment.steps_per_epoch
        rewards = {name: assignment.module.rewards[name] for name in assignment.floors}
        L.seed_everything(assignment.seed, verbose=False)
        meter, copies = Meter(limit, assignment.seconds), iter(range(assignment.seed, ENDLESS))

        def counted(**_: Any) -> RewardVectorEnv:
            return RewardVectorEnv(environment, rewards, next(copies), meter.tick)

        kind, beside = self._class(), RewardVectorEnv(environment, rewards, assignment.seed, meter.check)
        given = {"seed": assignment.seed, "device": assignment.device, "log": False, **self.settings}
        floors = self.reference_point(np.array([*assignment.floors.values()]), beside.limit)
        with registered(counted) as env_id:
            agent = self.construct(kind, env_id, floors, given)
            with suppress(BudgetSpentError), _one_episode_an_evaluation():
                agent.train(**self.training(agent, beside, floors, meter.limit or ENDLESS))
        policies = self.players(agent, assignment.preferences)
        return Trained([StackedPolicy(play, 1, torch.device("cpu")) for play in policies], meter.steps)

    def reference_point(self, floors: NDArray[Any], steps: int) -> NDArray[Any]:
        """What it compares its evaluations with, ``[R]``. Default: the box's corner, as it is for its log alone.

        Args:
            floors: ``[R]`` that corner, of returns of whole episodes.
            steps: of an episode at most.
        """
        return floors

    def construct(self, kind: type, env_id: str, floors: NDArray[Any], given: dict[str, Any]) -> Any:
        """Its agent, of the class ``kind``, in the environment ``env_id``. Default: it takes that environment."""
        return kind(gymnasium.make(env_id), **given)

    def training(self, agent: Any, beside: RewardVectorEnv, floors: NDArray[Any], steps: int) -> dict[str, Any]:
        """Arguments of its training.

        Args:
            agent: which.
            beside: the environment, not counted: for its evaluation.
            floors: ``[R]`` its reference point.
            steps: how many it has.
        """
        return {"total_timesteps": ENDLESS, "eval_env": beside, "ref_point": floors}

    @abstractmethod
    def players(self, agent: Any, preferences: Sequence[Sequence[float]]) -> list[Player]:
        """Its policies, those for the ``preferences`` or all of them: most likely actions ``[N, A]``."""

    def _class(self) -> Any:
        return getattr(need(f"{MODULE}.{self.module}", "morl-baselines", "bench"), self.name)


@dataclass(frozen=True)
class CAPQL(MORLBaselines):
    """CAPQL (Lu, Herman & Yu, ICLR 2023): SAC whose one actor and critic are told μ."""

    module = "capql.capql"
    name = "CAPQL"

    def players(self, agent: Any, preferences: Sequence[Sequence[float]]) -> list[Player]:
        def act(preference: Tensor, observations: Tensor) -> Tensor:
            return agent.policy.get_action(observations, preference.expand(len(observations), -1))

        return [player(agent, partial(act, _vector(agent, preference))) for preference in preferences]


@dataclass(frozen=True)
class GPILS(MORLBaselines):
    """GPI-LS for continuous actions (Alegre et al., AAMAS 2023): TD3 told μ, trained at corners of the front so far."""

    module = "gpi_pd.gpi_pd_continuous_action"
    name = "GPILSContinuousAction"

    def training(self, agent: Any, beside: RewardVectorEnv, floors: NDArray[Any], steps: int) -> dict[str, Any]:
        own = super().training(agent, beside, floors, steps)
        return {**own, "num_eval_episodes_for_front": 1, "checkpoints": False}

    def players(self, agent: Any, preferences: Sequence[Sequence[float]]) -> list[Player]:
        def act(preference: Tensor, observations: Tensor) -> Tensor:  # its policy improvement takes one row at a time
            return torch.stack([agent.eval(row, preference, torch_action=True) for row in observations])

        return [player(agent, partial(act, _vector(agent, preference))) for preference in preferences]


@dataclass(frozen=True)
class MORLD(MORLBaselines):
    """MORL/D (Felten, Talbi & Danoy, 2024): a population of SACs, one per μ, that may share what they learn.

    Its archive of evaluated policies steers nothing unless it adapts its weights, so that its evaluation episodes are
    one step long; the population is what it offers.
    """

    module = "morld.morld"
    name = "MORLD"

    def construct(self, kind: type, env_id: str, floors: NDArray[Any], given: dict[str, Any]) -> Any:
        policies = {"device": given["device"], **given.get("policy_args", {})}
        return super().construct(kind, env_id, floors, {**given, "policy_args": policies})

    def training(self, agent: Any, beside: RewardVectorEnv, floors: NDArray[Any], steps: int) -> dict[str, Any]:
        own = super().training(agent, beside, floors, steps)
        seen = beside if agent.weight_adaptation_method else gymnasium.wrappers.TimeLimit(beside, 1)
        return {**own, "eval_env": seen, "num_eval_episodes_for_front": 1, "checkpoints": False}

    def players(self, agent: Any, preferences: Sequence[Sequence[float]]) -> list[Player]:
        def act(policy: Any, observations: Tensor) -> Tensor:
            return policy.wrapped.actor.get_action(observations)[2]  # the mean

        return [player(agent, partial(act, policy)) for policy in agent.population]


@contextmanager
def _one_episode_an_evaluation() -> Iterator[None]:
    """Inside the block morl-baselines evaluates a policy by one episode where it would by five."""
    kind = need("morl_baselines.common.morl_algorithm", "morl-baselines", "bench").MOPolicy
    usual = kind.policy_eval
    kind.policy_eval = partialmethod(usual, num_episodes=1)
    try:
        yield
    finally:
        kind.policy_eval = usual


def player(agent: Any, act: Callable[[Tensor], Tensor]) -> Player:
    """What acts on tensors ``[N, O]`` on the agent's device, acting on arrays."""

    @torch.no_grad()
    def play(observations: NDArray[Any]) -> NDArray[Any]:
        rows = torch.as_tensor(observations.reshape(len(observations), -1), dtype=torch.float32, device=agent.device)
        return act(rows).cpu().numpy()

    return play


def _vector(agent: Any, preference: Sequence[float]) -> Tensor:
    return torch.tensor(preference, dtype=torch.float32, device=agent.device)


def _arguments(kind: type) -> list[str]:
    """Names of a constructor's arguments, and of those that it hands to its base class."""
    found: list[str] = []
    for each in kind.__mro__:
        if "__init__" in vars(each):
            parameters = inspect.signature(each.__init__).parameters.values()  # type: ignore[misc]
            found += [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
            if all(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters):
                break
    return found
