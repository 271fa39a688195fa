"""``RewardFineTuner``: policy-gradient fine-tuning of any policy, in any environment, on any preference."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from lightning.pytorch.cli import OptimizerCallable
from torch import Tensor, nn

from rsoup_lightning import losses, processes
from rsoup_lightning.algorithms import PPO, Algorithm
from rsoup_lightning.environment import Environment
from rsoup_lightning.environment_module import EnvironmentModule
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.evaluation import audit, score_batch
from rsoup_lightning.files import user_path
from rsoup_lightning.front.metrics import CompletionScores
from rsoup_lightning.guards import Guard, Guards
from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.policy import Policy, RewardWeights
from rsoup_lightning.rewards import Reward, check_normalisation, objectives, scalarise, score, standardise
from rsoup_lightning.rollout import Rollout, last_counted
from rsoup_lightning.simplex import check_preference


class RewardFineTuner(EnvironmentModule):
    """Fine-tunes one policy on the μ-weighted sum of rewards. Subclass it, build the three parts, register it.

    Args:
        environment: where rollouts come from.
        policy: what is fine-tuned.
        rewards: name to reward. All are computed and logged; ``preference`` says which ones count.
        preference: μ, reward name to weight on the simplex. Default: equal weights.
        algorithm: how rewards become gradients.
        optimizer: builds the optimiser of the trainable parameters.
        kl: penalty on leaving the reference policy, which is the policy at the start of the training.
        guards: reward name to a limit below which its mean must not fall, as {recognition: {at_least: 0.8 of init}}.
            They hold back what is trained from init, and not a training of init itself.
        normalisation: reward name to the mean and standard deviation of its usual scores. The algorithm sees them with
            mean 0 and standard deviation 1, so that they mix on one scale; logs keep them as they are. ``rsoup soup``
            measures it.
        reward_scale: factor on the reward that the algorithm sees (not on what is logged).
        micro_batch_size: rows whose gradient is computed at a time and accumulated, to bound memory; 0: a whole
            minibatch.
        decay_learning_rate: let the learning rate fall linearly to zero over ``trainer.max_epochs``.
        max_grad_norm: clip the gradient to this Euclidean norm.
        init_weights: file or folder of the shared initialisation, which may be an adapter's folder of PEFT; what it has
            learnt of its inputs stays frozen.
        seed: of rollouts; with the same seed, a run killed and resumed equals one that was not.
    """

    steps_taken: Tensor

    def __init__(
        self,
        environment: Environment,
        policy: Policy,
        rewards: Mapping[str, Reward],
        preference: dict[str, float] | None = None,
        algorithm: Algorithm | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        kl: KLPenalty | None = None,
        guards: dict[str, Guard] | None = None,
        normalisation: dict[str, tuple[float, float]] | None = None,
        reward_scale: float = 1.0,
        decay_learning_rate: bool = False,
        max_grad_norm: float = 0.5,
        micro_batch_size: int = 0,
        init_weights: str | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(environment, policy, optimizer, decay_learning_rate=decay_learning_rate, seed=seed)
        self.rewards = dict(rewards)
        self.algorithm = algorithm or PPO()
        self.kl = deepcopy(kl or KLPenalty())  # its β is that of this training
        self.guards = Guards(guards or {}, self.rewards)
        self.reward_scale = reward_scale
        self.micro_batch_size = micro_batch_size
        self.max_grad_norm = max_grad_norm
        self.register_buffer("steps_taken", torch.tensor(0))
        self.evaluation_scores = nn.ModuleList(CompletionScores() for _ in self.rewards)
        wanted = objectives(self.rewards)
        if not wanted and preference is None:
            raise ConfigError("model.rewards is empty, or has guards alone: give at least one reward to train on")
        self.prepare(preference or dict.fromkeys(wanted, 1 / max(len(wanted), 1)), normalisation, init_weights)

    def prepare(
        self,
        preference: Mapping[str, float],
        normalisation: Mapping[str, tuple[float, float]] | None = None,
        init_weights: str | None = None,
        *,
        guarded: bool = True,
        epochs_before: int = 0,
    ) -> None:
        """Turn to another training, so that one model in memory serves a whole run; the arguments are the class's.

        Args:
            guarded: whether guards act on it; else they are only measured.
            epochs_before: of trainings that this one continues, whose rollouts it is not to sample again.

        Raises:
            UnknownNameError: a reward that is not there.
            CoefficientError: a preference off the simplex.
            ConfigError: a limit of a guard that cannot be.
            WeightsError: weights that cannot be read, or are another policy's.
        """
        self.preference = check_preference(preference, list(self.rewards))
        self.normalisation = check_normalisation(normalisation or {}, self.rewards)
        if init_weights is not None:
            place = {init_weights: user_path(init_weights)}
            self.policy.start_from(read_experts(place, self.policy, self.policy.weights())[init_weights])
        self.guards.prepare(self.normalisation, binding=guarded)
        self.zero_grad()
        self.kl.reset()
        self.steps_taken.zero_()
        self.epochs_before = epochs_before

    # The flow: a rollout, its rewards, the scalar under μ, advantages, and optimiser steps over minibatches.

    def training_step(self, batch: Any, batch_idx: int) -> None:
        rollout = self._rollout(batch, completions=self.algorithm.completions)
        scores = score(self.rewards, rollout, moment=f"training step {self.global_step}")
        if self.global_step == 0 and self.global_rank == 0:
            audit(self.rewards, rollout, scores)
        kl = self.kl.measured(self.policy, rollout)
        lesson = self._lesson(batch, rollout, scores, kl)
        if "importance" in lesson.steps:  # sampled by an engine that computes a little differently
            lesson = lesson.with_steps(advantages=lesson["advantages"] * lesson["importance"])
        optimizer = self._optimizer()
        logs: dict[str, Tensor] = {}
        for minibatch in self.algorithm.minibatches(lesson, independent_steps=self.policy.independent_steps):
            optimizer.zero_grad()
            with self._alone():
                logs = self._backward(minibatch)
            processes.average_gradients(self.policy.parameters())
            optimizer.step()
        self.policy.observe(rollout)
        if kl is not None:
            self.log_dict(self.kl.adapt(kl))
        logs |= self.guards.adapt(scores)
        self._log(rollout, scores, logs)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        # Here and not before the step: a loss scaled for 16 bits has its gradient unscaled in between.
        nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)

    def _rollout(self, batch: Any, completions: int = 1, **how: Any) -> Rollout:
        how["completions"] = completions
        return self.policy.sampled(lambda policy: self.environment.rollout(policy, batch, **how), completions)

    def _lesson(self, batch: Any, rollout: Rollout, scores: Mapping[str, Tensor], kl: Tensor | None) -> Rollout:
        """The rollout with advantages, and what else the loss needs."""

        def weighed(preference: RewardWeights) -> Rollout:
            reward = self._reward(rollout, scores, kl, preference)
            return self.algorithm.advantages(rollout, reward, self.policy, self._greedy_returns(batch))

        return self.policy.lesson(rollout, self.preference, weighed)

    def _backward(self, minibatch: Rollout) -> dict[str, Tensor]:
        """Accumulate the gradient of a minibatch, of as many rows at a time as memory is meant to hold."""
        logs: dict[str, Tensor] = {}
        share = processes.share_of_mean(minibatch.counted)
        for part in minibatch.parts(self.micro_batch_size):
            loss, logs = self.algorithm.loss(self.policy(part), part)
            if part is not minibatch:  # losses are means over counted steps: parts add up to the whole's mean
                loss = loss * (part.counted / minibatch.counted)
            self.manual_backward(loss * share if processes.several() else loss)
        return {name: value * share for name, value in logs.items()} if processes.several() else logs

    def _reward(
        self, rollout: Rollout, scores: Mapping[str, Tensor], kl: Tensor | None, preference: RewardWeights
    ) -> Tensor:
        """``[B, T]`` the scalar reward that trains: μ-weighted, with what guards add, scaled, less the KL penalty."""
        weights = self.guards.weights(preference)
        scalar = scalarise(standardise(scores, self.normalisation), weights, rollout.mask)
        reward = self.reward_scale * losses.per_step(scalar, last_counted(rollout.mask))
        return reward if kl is None else reward - self.kl.beta * kl

    def _greedy_returns(self, batch: Any) -> Tensor | None:
        """``[prompts]`` scalar reward of the greedy completions, for the algorithms that want it as baseline."""
        if not self.algorithm.greedy_baseline:
            return None
        greedy = self._rollout(batch, greedy=True)
        scores = score(self.rewards, greedy, moment=f"training step {self.global_step} (greedy)")
        preference = self.policy.preference(greedy, self.preference)
        return self._reward(greedy, scores, self.kl.measured(self.policy, greedy), preference).sum(1)

    def _log(self, rollout: Rollout, scores: Mapping[str, Tensor], logs: Mapping[str, Tensor]) -> None:
        self.steps_taken += self.trainer.strategy.reduce(rollout.counted, reduce_op="sum")
        # Lightning's bookkeeping costs as much as a small network's update: not at every step of a fast simulator, but
        # at those whose row it hands to loggers, which would be an earlier step's otherwise, and at the epoch's last.
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # Lightning sets it without declaring it
        if self.trainer.is_last_batch or (every and (self.trainer.fit_loop.total_batch_idx + 1) % every == 0):
            share = processes.share_of_mean(rollout.counted)
            means = {
                f"reward/{name}": losses.masked_mean(values, rollout.mask) * share
                if values.dim() == 2
                else values.mean()
                for name, values in scores.items()
            }
            self.log_dict({**means, **logs}, sync_dist=True)

    # Evaluation: every reward, on the evaluation batches.

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        split = "test" if self.trainer.testing else "val"
        with self.policy.evaluated() as policy:
            ids, scores, _, _ = score_batch(self.environment, self.rewards, policy, batch)
        for name, metric in zip(self.rewards, self.evaluation_scores, strict=True):
            assert isinstance(metric, CompletionScores)
            metric.update(ids[0], scores[name][0])
            self.log(f"{split}/{name}", metric, on_epoch=True, on_step=False, batch_size=ids.shape[1])

    test_step = validation_step

    # The reference and the limits of a training, once it begins.

    def setup(self, stage: str) -> None:
        # Before a checkpoint is restored: the reference is where the training began, also when it goes on.
        if stage == "fit" and self.kl.coefficient:
            self.policy.freeze_reference()

    def on_fit_start(self) -> None:
        super().on_fit_start()
        if self.guards.binding:
            self.guards.check(self.normalisation)
