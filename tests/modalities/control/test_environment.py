from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import ConfigError, SimulationError
from rsoup_lightning.evaluation import evaluate
from rsoup_lightning.front.intervals import bootstrap_interval
from rsoup_lightning.modalities.control import GaussianMLP, SimulatorEnvironment
from rsoup_lightning.modalities.control.rewards import Native
from rsoup_lightning.modalities.control.simulators import Backend
from rsoup_lightning.rewards import Reward
from tasks.locomotion.rewards import VelocityLessEffort

CAUTIOUS = VelocityLessEffort(1.0)


def _pair(env_id: str = "HalfCheetah-v5", **kwargs: object) -> tuple[SimulatorEnvironment, GaussianMLP]:
    environment = SimulatorEnvironment(env_id, **{"num_envs": 4, "horizon": 8, "eval_episodes": 3, **kwargs})  # type: ignore
    torch.manual_seed(0)
    return environment, GaussianMLP(environment.observation_size, environment.action_size, hidden=(8,))


@pytest.mark.parametrize("backend", ["gymnasium", "envpool"])
def test_rollouts_replay_from_their_seed(backend: Backend) -> None:
    environment, policy = _pair(backend=backend)
    runs = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        environment.begin(seed)
        runs.append([environment.rollout(policy, 0) for _ in range(2)])
    for first, second in zip(runs[0], runs[1], strict=True):
        assert torch.equal(first["observations"], second["observations"])
    assert not torch.equal(runs[0][0]["observations"], runs[2][0]["observations"])
    assert torch.equal(runs[0][0]["last_observations"], runs[0][1]["observations"][:, 0])
    environment.close()


def test_processes_have_simulators_of_their_own() -> None:
    """Two of three copies each start as one of six does."""
    starts = []
    for copies, rank in ((6, 0), (3, 0), (3, 1)):
        environment, policy = _pair(num_envs=copies)
        environment.begin(5, rank)
        starts.append(environment.rollout(policy, 0)["observations"][:, 0])
        environment.close()
    assert torch.equal(torch.cat(starts[1:]), starts[0])


def test_log_probs_are_those_of_the_policy_that_acted() -> None:
    environment, policy = _pair()
    environment.begin(0)
    rollout = environment.rollout(policy, 0)
    torch.testing.assert_close(policy(rollout).log_probs.detach(), rollout.log_probs, atol=1e-4, rtol=1e-4)
    assert (rollout["applied"].abs() <= 1).all()
    environment.close()


def test_resets_do_not_count() -> None:
    """A hopper with random actions falls often; after each fall one step only resets."""
    environment, policy = _pair("Hopper-v5", horizon=120)
    environment.begin(0)
    rollout = environment.rollout(policy, 0)
    ended = rollout.terminated | rollout.truncated
    assert rollout.terminated.any()
    assert torch.equal(~rollout.mask[:, 1:], ended[:, :-1])
    environment.close()


def test_time_limit_truncates() -> None:
    environment, policy = _pair("HalfCheetah-v5", horizon=60, options={"max_episode_steps": 50})
    environment.begin(0)
    rollout = environment.rollout(policy, 0)
    assert rollout.truncated[:, 49].all()
    assert not rollout.terminated.any()
    assert not rollout.mask[:, 50].any()
    environment.close()


def test_evaluation_plays_whole_episodes_of_every_member_from_the_same_seeds() -> None:
    environment, policy = _pair("Hopper-v5")
    weights = {name: tensor.clone() for name, tensor in policy.weights().items()}
    other = {name: t + 0.3 * torch.randn_like(t) if t.is_floating_point() else t for name, t in weights.items()}
    stacked = policy.soups([weights, other])([(1.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
    (seeds,) = environment.eval_batches()
    rollout = environment.evaluate(stacked, seeds)
    played = rollout["observations"] * rollout.mask.unsqueeze(-1)  # what comes after an episode is nobody's
    first, second, again = played.view(3, 3, *played.shape[1:])
    assert torch.equal(first, again)
    assert torch.equal(first[:, 0], second[:, 0])
    assert not torch.equal(first, second)
    assert rollout["id"].tolist() == seeds.tolist() * 3
    lengths = rollout.mask.sum(1)
    assert ((rollout.terminated | rollout.truncated).sum(1) == 1).all()
    assert torch.equal(rollout.mask, torch.arange(rollout.mask.shape[1]) < lengths.unsqueeze(1))


@pytest.mark.parametrize(
    ("env_id", "rewards"),
    [("Hopper-v5", {"risky": VelocityLessEffort(0.0), "cautious": CAUTIOUS}), ("CartPole-v1", {"default": Native()})],
)
def test_one_pass_scores_what_one_by_one_scores(env_id: str, rewards: dict[str, Reward]) -> None:
    environment, _ = _pair(env_id)
    policy = environment.policy(hidden=(8,))
    weights = [{n: t.clone() for n, t in policy.weights().items()}]
    weights.append({n: t + 0.3 * torch.randn_like(t) if t.is_floating_point() else t for n, t in weights[0].items()})
    together = evaluate(
        environment, rewards, policy.soups(weights)([(1.0, 0.0), (0.0, 1.0)]), environment.eval_batches()
    )
    for expert, scores in zip(weights, together, strict=True):
        policy.load_weights(expert)
        (alone,) = evaluate(environment, rewards, policy, environment.eval_batches())
        assert alone.steps == scores.steps
        for name in rewards:
            assert torch.equal(scores.rewards[name], alone.rewards[name])


def test_backends_agree_within_their_intervals() -> None:
    """The same policy evaluated in both: equal means to sampling noise."""
    intervals = {}
    for backend in ("gymnasium", "envpool"):
        environment, policy = _pair(backend=backend, eval_episodes=24, options={"max_episode_steps": 200})
        (scores,) = evaluate(environment, {"cautious": CAUTIOUS}, policy, environment.eval_batches())
        intervals[backend] = bootstrap_interval(scores.rewards["cautious"].numpy())
    (low_a, high_a), (low_b, high_b) = intervals.values()
    assert low_a <= high_b
    assert low_b <= high_a


def test_without_a_step_limit_there_is_one_and_it_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """An untrained policy never finds the end of the cliff."""
    environment = [SimulatorEnvironment("CliffWalking-v1", eval_episodes=1) for _ in range(2)][-1]
    assert "CliffWalking-v1 is registered without a step limit: its episodes take at most 1000 steps" in caplog.text
    assert "model.env_options: {max_episode_steps: N}" in caplog.text
    torch.manual_seed(0)
    rollout = environment.evaluate(environment.policy(hidden=(4,)), torch.tensor([0]))
    assert rollout.mask.shape == (1, 1000)
    assert rollout.truncated[0, -1]
    environment = SimulatorEnvironment("CliffWalking-v1", eval_episodes=1, options={"max_episode_steps": 7})
    assert environment.evaluate(environment.policy(hidden=(4,)), torch.tensor([0])).mask.shape == (1, 7)
    assert len(caplog.records) == 1


def test_what_a_simulator_cannot_do() -> None:
    environment, policy = _pair()
    with pytest.raises(ConfigError, match="asked the same thing twice"):
        environment.rollout(policy, 0, completions=2)
    with pytest.raises(ConfigError, match="begin"):
        environment.rollout(policy, 0)
    with pytest.raises(SimulationError, match="max_episode_steps above 0"):
        SimulatorEnvironment("HalfCheetah-v5", options={"max_episode_steps": -1})
    with pytest.raises(ConfigError, match=r"log_std is -1\.0, but actions of 'CartPole-v1' are choices"):
        SimulatorEnvironment("CartPole-v1").policy(log_std=-1.0)
    with pytest.raises(ConfigError, match="at least 1"):
        SimulatorEnvironment("HalfCheetah-v5", num_envs=0)
    with pytest.raises(ConfigError, match="eval_batch_size is -1"):
        SimulatorEnvironment("HalfCheetah-v5", eval_batch_size=-1)
