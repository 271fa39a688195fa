"""``SoupCallback``: benchmarks every interpolation of given experts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import lightning as L
from torch import Tensor

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.evaluation import Scores, evaluate
from rsoup_lightning.files import check_writable, user_path, write_json
from rsoup_lightning.front.results import Kind, Point, front_record
from rsoup_lightning.merging import linear
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.mixture import prepared
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.own_metrics import OwnMetric
from rsoup_lightning.policy import Merge, Policy, Weights
from rsoup_lightning.simplex import LINEAR, Coefficients, GridKind, check_named_coefficients, grid, one_hot


@contextmanager
def swapped_in(policy: Policy, weights: Weights) -> Iterator[None]:
    """``policy`` with other weights inside the block, and its own again after it, whatever happens."""
    own = {name: tensor.clone() for name, tensor in policy.weights().items()}
    try:
        policy.load_weights(weights)
        yield
    finally:
        policy.load_weights(own)


@contextmanager
def souped(
    policy: Policy,
    experts: Sequence[Weights],
    coefficients: Coefficients,
    mixing: str = LINEAR,
    names: Sequence[str] | None = None,
    merge: Merge | None = None,
) -> Iterator[Policy]:
    """A policy that plays ``experts`` mixed at λ inside the block; ``policy`` is as before after it.

    Args:
        policy: whose experts they are.
        experts: E weights. Those without weight at λ cost nothing.
        coefficients: λ.
        mixing: how they are mixed; see :func:`mixture.prepared`.
        names: what to call the experts in errors.
        merge: merges their weights, instead of ``mixing``.
    """
    if merge is not None:
        with swapped_in(policy, merge(experts, coefficients)):
            yield policy
        return
    if mixing != LINEAR:
        experts, coefficients = zip(*((e, w) for e, w in zip(experts, coefficients, strict=True) if w), strict=True)
    soups = prepared(policy, experts, mixing)
    if soups is not None:
        yield soups([coefficients])
    else:
        with swapped_in(policy, linear(experts, coefficients, names=names, extrapolate=True)):
            yield policy


def benchmark_soups(
    module: RewardFineTuner,
    experts: Sequence[Weights],
    coefficients: Sequence[Coefficients],
    batches: Iterable[Any],
    *,
    show: int = 0,
    metrics: Mapping[str, OwnMetric] | None = None,
    names: Sequence[str] | None = None,
    mixing: str = LINEAR,
    merge: Merge | None = None,
) -> list[Scores]:
    """Score ``experts``, mixed at each λ, on the same batches.

    In one pass where soups at many λ share work, else one λ after another; the module's weights are as before.

    Args:
        module: gives environment, rewards and policy.
        experts: E weights that fit the policy.
        coefficients: the points λ, each of E numbers.
        batches: evaluation batches (each process its share, under DDP).
        show: how many completions per λ to keep for people to look at.
        metrics: the user's own, by name.
        names: what to call the experts in errors.
        mixing: how they are mixed; see :func:`mixture.prepared`.
        merge: merges their weights, instead of ``mixing``.
    """
    play = partial(evaluate, module.environment, module.rewards, show=show, metrics=metrics)
    soups = module.policy.soups(experts) if mixing == LINEAR else None  # outputs at many λ would share nothing
    if merge is not None and soups is not None:  # what plays side by side is in memory together
        merged = [merge(experts, point) for point in coefficients]
        soups, coefficients = module.policy.soups(merged), one_hot(len(merged))
    if soups is not None:
        return play(soups(coefficients), batches)
    scores = []
    for point in coefficients:
        with souped(module.policy, experts, point, mixing, names, merge) as policy:
            scores += play(policy, batches)
    return scores


class SoupCallback(L.Callback):
    """Benchmarks the soups of given experts under ``rsoup test``, and after ``rsoup fit`` when asked.

    Results are logged as ``soup/<λ>/<reward>`` and kept in ``points``.

    Args:
        experts: expert name to its weights (.safetensors, .ckpt, or a folder, also of an adapter that PEFT wrote).
        grid: values of λ per edge of the simplex, both ends included.
        kind: which points of the simplex.
        points: explicit λ, each a mapping of expert name to weight, instead of the grid.
        after_fit: also benchmark at the end of a training.
        output: where to write front.json; null writes none. Experts must then be named after their rewards.
    """

    def __init__(
        self,
        experts: dict[str, str],
        grid: int = 11,
        kind: GridKind = "simplex",
        points: list[dict[str, float]] | None = None,
        after_fit: bool = False,
        output: str | None = None,
    ) -> None:
        self.experts = experts
        self.coefficients = self._coefficients(grid, kind, points)
        self.after_fit = after_fit
        self.output = output
        self.points: list[Point] = []
        if not self.coefficients:
            raise ConfigError("SoupCallback.points is empty: give the λ to benchmark, or leave it out for the grid")
        if output and not set(one_hot(len(experts))) <= set(self.coefficients):
            raise ConfigError(
                "SoupCallback.output needs every expert alone among the points: the front is measured by them"
            )

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """What would stop it, now and not after hours of training."""
        assert isinstance(pl_module, RewardFineTuner)
        if stage not in ("test", "fit" if self.after_fit else ""):
            return
        self._weights(pl_module)
        if not self.output:
            return
        check_writable(user_path(self.output))
        for name in self.experts:
            if name not in pl_module.rewards:
                raise UnknownNameError("reward (output wants experts named after them)", name, pl_module.rewards)

    def _coefficients(self, steps: int, kind: GridKind, points: list[dict[str, float]] | None) -> list[Coefficients]:
        if points is None:
            return grid(len(self.experts), steps, kind)
        return [check_named_coefficients(point, list(self.experts)) for point in points]

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._benchmark(trainer, pl_module, trainer.test_dataloaders or ())
        for point in self.points:
            label = ",".join(f"{name}={weight:.4g}" for name, weight in (point.coefficients or {}).items())
            means = {f"soup/{label}/{name}": float(values.mean()) for name, values in point.scores.items()}
            pl_module.log_dict(means, rank_zero_only=True)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.after_fit:
            pl_module.eval()
            self._benchmark(trainer, pl_module, pl_module.test_dataloader())
            pl_module.train()

    def _benchmark(self, trainer: L.Trainer, module: L.LightningModule, batches: Iterable[Any]) -> None:
        assert isinstance(module, RewardFineTuner)
        scores = benchmark_soups(module, self._weights(module), self.coefficients, batches, names=list(self.experts))
        pairs, trained = zip(self.coefficients, scores, strict=True), {name: {name: 1.0} for name in self.experts}
        self.points = [soup_point(trained, point, as_numpy(each.values)) for point, each in pairs]
        if self.output and trainer.is_global_zero:
            cost = {"soup": 0, "morl": 0}  # the experts were trained elsewhere
            names, task = list(self.experts), type(module).__name__
            record = front_record(task, names, self.points, reference_point=None, training_cost=cost)
            write_json(user_path(self.output), record)

    def _weights(self, module: RewardFineTuner) -> list[Weights]:
        places = {name: user_path(path) for name, path in self.experts.items()}
        read = read_experts(places, module.policy, module.policy.weights()).values()
        return [{name: tensor.to(module.device) for name, tensor in expert.items()} for expert in read]


def soup_point(
    experts: Mapping[str, dict[str, float]], coefficients: Coefficients, scores: dict[str, Any], mixing: str = LINEAR
) -> Point:
    """An evaluated λ with its scores ``{reward: [S]}``; one-hot λ are experts, with the μ that each was trained on."""
    weights = dict(zip(experts, coefficients, strict=True))
    alone = dict(zip(one_hot(len(experts)), experts.values(), strict=True))
    kind: Kind = "expert" if coefficients in alone else "soup"
    return Point(kind, weights, alone.get(coefficients), scores, mixing)


def as_numpy(rewards: Mapping[str, Tensor]) -> dict[str, Any]:
    """Scores of every reward as numpy arrays ``[S]`` in double precision."""
    return {name: values.double().cpu().numpy() for name, values in rewards.items()}
