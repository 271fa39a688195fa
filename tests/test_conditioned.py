from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.algorithms import GRPO, PPO, RLOO, SCST, RewardWeightedRegression
from rsoup_lightning.conditioned import ConditionedPolicy, conditioned, expert_of
from rsoup_lightning.conditioning import Conditioning
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.kl_penalty import KLPenalty
from rsoup_lightning.merging import linear, read_weights, write_weights
from rsoup_lightning.modalities.control import CategoricalMLP, GaussianMLP, SimulatorEnvironment
from rsoup_lightning.modalities.diffusion import PromptEnvironment
from rsoup_lightning.modalities.diffusion.policy import DiffusionPolicy
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.modalities.vision_language.chat import ChatModel
from rsoup_lightning.modalities.vision_language.chat_policy import ChatPolicy
from rsoup_lightning.modalities.vision_language.environment import PictureEnvironment, picture_names
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.validation import Validation
from rsoup_lightning.simplex import grid
from tests.conftest import PointFineTuner, PointPolicy, quiet_trainer
from tests.modalities.diffusion import tiny as pictures
from tests.modalities.language.test_policy import environment as texts
from tests.modalities.language.tiny import llama
from tests.modalities.vision_language import tiny as captioners
from tests.modalities.vision_language.chatting import saved_chat

GOALS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
POINT = Conditioning(("east", "north"), points=1)


def trained(
    epochs: int, conditioning: Conditioning = POINT, **changes: Any
) -> tuple[dict[str, Tensor], PointFineTuner]:
    """The places of both experts after a training."""
    module = PointFineTuner(**changes)
    with conditioned(module, conditioning):
        quiet_trainer(max_epochs=epochs, limit_val_batches=1).fit(module)
        weights = module.policy.weights()
    named = enumerate(conditioning.rewards)
    return {name: expert_of(weights, number)["place"].clone() for number, name in named}, module


class Straight(PointPolicy):
    """Its log-probability is a coordinate of its place, the one that the row's action picks."""

    def forward(self, rollout: Rollout) -> Any:
        output = super().forward(rollout)
        return type(output)((rollout["actions"] * self.place).sum(-1))


def test_the_family_of_quadratic_rewards_is_found_exactly() -> None:
    """Of r_e = -‖x - c_e‖² the optimum at λ is Σ λ_e c_e: the experts' places are the goals themselves."""
    policy = ConditionedPolicy(Straight(), POINT)
    points = torch.tensor(grid(2, 5)).repeat_interleave(2, 0)
    axes = torch.eye(2).repeat(5, 1).unsqueeze(1)
    rollout = Rollout(torch.zeros(10, 1), torch.ones(10, 1) > 0, {"actions": axes}, {}, {"coefficients": points})
    wanted = (points @ GOALS).view(5, 2, 2)[:, 0]
    optimizer = torch.optim.LBFGS(policy.parameters(), line_search_fn="strong_wolfe", tolerance_grad=1e-10)

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = (policy(rollout).log_probs.view(5, 2) - wanted).square().sum()
        value.backward()
        return value

    for _ in range(5):
        optimizer.step(loss)
    torch.testing.assert_close(policy.experts[0].detach(), GOALS, atol=1e-5, rtol=0)


def test_training_finds_it() -> None:
    places, _ = trained(20, algorithm=RLOO(8))
    torch.testing.assert_close(torch.stack([*places.values()]), GOALS, atol=0.12, rtol=0)


def test_corners_alone_train_their_expert_as_if_it_were_trained_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Conditioning, "draw", lambda self, seed: [(1.0, 0.0)])
    settings = {"algorithm": RLOO(4, epochs=2), "kl": KLPenalty(0.01)}
    places, _ = trained(2, **settings)
    alone = PointFineTuner(preference={"east": 1.0}, **settings)
    quiet_trainer(max_epochs=2).fit(alone)
    torch.testing.assert_close(places["east"], alone.policy.place.detach())
    assert places["east"].any() and not places["north"].any()


def test_two_processes_train_one_family() -> None:
    """Under DDP each process draws λ of its own."""
    module = PointFineTuner(algorithm=RLOO(8))
    with conditioned(module, POINT):
        quiet_trainer(max_epochs=14, devices=2, strategy="ddp_fork").fit(module)
        places = module.policy.experts[0].detach()
    assert (places.diagonal() > 0.6).all() and (places.flip(0).diagonal() < 0.4).all()


def test_the_policy_is_the_modules_own_again_after_it() -> None:
    module = PointFineTuner()
    own = module.policy
    with pytest.raises(ZeroDivisionError), conditioned(module, POINT):
        raise ZeroDivisionError
    assert module.policy is own


class Small(SimulatorEnvironment):
    """Few copies of a simulator."""

    def __init__(self, env_id: str) -> None:
        super().__init__(env_id, num_envs=6, horizon=5)
        self.begin(0)


def gaussian() -> tuple[SimulatorEnvironment, Policy]:
    made = Small("HalfCheetah-v5")
    return made, made.policy((8, 8))


def categorical() -> tuple[SimulatorEnvironment, Policy]:
    made = Small("CartPole-v1")
    return made, made.policy((8,))


def drawing() -> tuple[PromptEnvironment, Policy]:
    made = PromptEnvironment(pictures.Colours(), batch_size=6)
    made.begin(0)
    return made, pictures.policy(1, lora=LoRA(rank=2, targets=["to_q", "to_v"]))


def chatting() -> tuple[PictureEnvironment, Policy]:
    with TemporaryDirectory() as folder:
        chatter = ChatModel(saved_chat("SmolVLM", Path(folder)), precision="float32").load()
    data = captioners.Squares()
    policy = ChatPolicy(chatter, data, picture_names(data), LoRA(rank=2))
    made = PictureEnvironment(data, policy.vocabulary, context=512, batch_size=6, max_new_tokens=6, beams=1)
    made.begin(0)
    return made, policy


KINDS = {
    "gaussian": gaussian,
    "categorical": categorical,
    "text": lambda: (texts(batch_size=6), LanguagePolicy(llama(), LoRA(rank=2))),
    "pictures": drawing,
    "chat": chatting,
}


def stirred(policy: Policy, conditioning: Conditioning) -> ConditionedPolicy:
    """Experts that differ."""
    made = ConditionedPolicy(policy, conditioning)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in made.experts:
            tensor += 0.2 * torch.randn(tensor.shape, generator=generator)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_sampled_is_scored_the_same_in_any_order(kind: str) -> None:
    torch.manual_seed(1)
    environment, policy = KINDS[kind]()
    made = stirred(policy, Conditioning(("a", "b", "c"), points=3))
    rollout = made.sampled(lambda each: environment.rollout(each, 0))
    assert len(rollout["coefficients"].unique(dim=0)) == 3
    for rows in (torch.arange(6), torch.tensor([4, 1, 5])):
        some = rollout.rows(rows)
        torch.testing.assert_close(made(some).log_probs[some.mask], some.log_probs[some.mask], atol=1e-3, rtol=1e-4)
    environment.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_each_row_under_its_soup(kind: str) -> None:
    """dL/dθ_e = Σ_b λ_be dL_b/dθ at θ = Σ λ_be θ_e; of adapters, dL/dA_e as autograd has it of s Σ λ_be B_e A_e."""
    torch.manual_seed(1)
    environment, policy = KINDS[kind]()
    made = stirred(policy, Conditioning(("a", "b"), points=3))
    rollout = made.sampled(lambda each: environment.rollout(each, 0))
    (made(rollout).log_probs * rollout.mask).sum().backward()
    gradients = dict(zip(made._places, [each.grad for each in made.experts], strict=True))
    expected = {name: torch.zeros_like(each) for name, each in zip(made._places, made.experts, strict=True)}
    if any("lora_" in name for name in made._places):
        _adapters_by_hand(policy, made, rollout, expected)
    else:
        _whole_weights_by_hand(policy, made, rollout, expected)
    for name, gradient in gradients.items():
        if expected[name].any():  # what is not asked, as the critic, has none
            torch.testing.assert_close(
                gradient, expected[name], atol=2e-4 * float(expected[name].abs().max()), rtol=2e-3
            )
    environment.close()


def _whole_weights_by_hand(policy: Policy, made: ConditionedPolicy, rollout: Rollout, into: dict[str, Tensor]) -> None:
    experts = made._each()
    for row, point in enumerate(rollout["coefficients"]):
        policy.zero_grad()
        policy.load_weights(linear(experts, (point.double() / point.double().sum()).tolist()))
        alone = rollout.rows(torch.tensor([row]))
        (policy(alone).log_probs * alone.mask).sum().backward()
        for name, parameter in policy.named_parameters():
            if name in into and parameter.grad is not None:
                into[name] += point.view(-1, *[1] * parameter.dim()) * parameter.grad


def _adapters_by_hand(policy: Any, made: ConditionedPolicy, rollout: Rollout, into: dict[str, Tensor]) -> None:
    """Of one adapter of twice the rank, [A_1; A_2] and [λ_1 B_1, λ_2 B_2], whose update is the mixed one."""
    network = policy.denoiser.network if isinstance(policy, DiffusionPolicy) else policy.model
    layers = [layer for layer in network.modules() if "default" in getattr(layer, "lora_A", ())]
    names = {id(parameter): name for name, parameter in policy.named_parameters()}
    halves = [[names[id(getattr(layer, half)["default"].weight)] for half in ("lora_A", "lora_B")] for layer in layers]
    stacked = dict(zip(made._places, made.experts, strict=True))
    leaves = {name: stacked[name].detach().clone().requires_grad_() for pair in halves for name in pair}
    for row, point in enumerate(rollout["coefficients"]):
        for layer, (down, up) in zip(layers, halves, strict=True):
            for half, wide in (("lora_A", leaves[down].flatten(0, 1)), ("lora_B", None)):
                wide = (leaves[up] * point.view(-1, 1, 1)).transpose(0, 1).flatten(1) if wide is None else wide
                module = getattr(layer, half)["default"]
                module._parameters.pop("weight", None)
                module.weight = wide
        alone = rollout.rows(torch.tensor([row]))
        (policy(alone).log_probs * alone.mask).sum().backward()
    for name, leaf in leaves.items():
        assert leaf.grad is not None
        into[name] += leaf.grad


def drawing_whole() -> tuple[PromptEnvironment, Policy]:
    made = PromptEnvironment(pictures.Colours(), batch_size=2)
    made.begin(0)
    return made, pictures.policy(1, trained=["norm", "bias"])


def captions() -> tuple[Any, Policy]:
    data = captioners.Squares()
    policy = captioners.policy(data)
    return captioners.environment(data, policy), policy


@pytest.mark.parametrize("make", [drawing_whole, captions])
def test_models_of_whole_weights_play_one_point_and_have_its_gradient(make: Any) -> None:
    torch.manual_seed(1)
    environment, policy = make()
    made = stirred(policy, Conditioning(("a", "b")))
    rollout = made.sampled(lambda each: environment.rollout(each, 0))
    assert len(rollout["coefficients"].unique(dim=0)) == 1
    output = made(rollout)
    torch.testing.assert_close(output.log_probs[rollout.mask], rollout.log_probs[rollout.mask], atol=1e-3, rtol=1e-4)
    (output.log_probs * rollout.mask).sum().backward()
    expected = {name: torch.zeros_like(each) for name, each in zip(made._places, made.experts, strict=True)}
    _whole_weights_by_hand(policy, made, rollout, expected)
    assert any(each.any() for each in expected.values())
    for name, each in zip(made._places, made.experts, strict=True):
        if expected[name].any():
            torch.testing.assert_close(
                each.grad, expected[name], atol=2e-4 * float(expected[name].abs().max()), rtol=2e-3
            )


@pytest.mark.parametrize("make", [lambda: GaussianMLP(4, 2, (8,)), lambda: CategoricalMLP(4, (3, 2), (8,))])
def test_values_and_the_critics_are_those_of_each_rows_soup(make: Any) -> None:
    torch.manual_seed(0)
    policy = make()
    made = stirred(policy, Conditioning(("a", "b")))
    experts = made._each()
    points = torch.tensor([[0.25, 0.75], [1.0, 0.0], [0.25, 0.75]])
    steps = {"observations": torch.randn(3, 5, 4), "actions": torch.zeros(3, 5, 2)}
    context = {"last_observations": torch.randn(3, 4), "coefficients": points}
    rollout = Rollout(torch.zeros(3, 5), torch.ones(3, 5) > 0, steps, {}, context)
    values, output = made.values(rollout), made(rollout)
    for row, point in enumerate(points.tolist()):
        policy.load_weights(linear(experts, point))
        alone = rollout.rows(torch.tensor([row]))
        torch.testing.assert_close(values[[row]], policy.values(alone))
        torch.testing.assert_close(output.values[[row]], policy(alone).values)
        torch.testing.assert_close(output.entropy[[row]], policy(alone).entropy)


def test_completions_of_a_prompt_share_their_coefficients() -> None:
    made = stirred(LanguagePolicy(llama(), LoRA(rank=2)), Conditioning(("a", "b"), points=2))
    rollout = made.sampled(lambda each: texts().rollout(each, 0, completions=3), completions=3)
    together = torch.cat([rollout["id"].unsqueeze(1).float(), rollout["coefficients"]], 1).unique(dim=0)
    assert len(rollout) == 12 and len(together) == 4


def test_validation_plays_the_soup_of_equal_shares() -> None:
    module = PointFineTuner()
    with conditioned(module, POINT):
        with torch.no_grad():
            module.policy.experts[0].copy_(GOALS)
        validation = Validation(1)
        validation._evaluate(module, 0)
        (result,) = quiet_trainer().test(module, verbose=False)
    scores = validation.history[0]["scores"]
    assert scores["east"] == pytest.approx(-0.5, abs=0.2) and scores["north"] == pytest.approx(-0.5, abs=0.2)
    assert result["test/east"] == pytest.approx(-0.5, abs=0.2)


def test_an_advantage_for_each_reward_is_weighed_after_it() -> None:
    """Of GRPO, which standardises: a reward a thousand times as large does not drown the other."""
    module = PointFineTuner(algorithm=GRPO(4))
    rollout = module.environment.rollout(module.policy, 0, completions=4)
    scores = {"east": 1000 * module.rewards["east"](rollout), "north": module.rewards["north"](rollout)}
    with conditioned(module, Conditioning(("east", "north"), 1, advantages="each")):
        marked = module.policy.sampled(lambda _: rollout)
        lesson = module._lesson(0, marked, scores, None)
    share = marked["coefficients"][0]
    alone = [module.algorithm.advantages(rollout, each.unsqueeze(1), module.policy, None) for each in scores.values()]
    expected = share[0] * alone[0]["advantages"] + share[1] * alone[1]["advantages"]
    torch.testing.assert_close(lesson["advantages"], expected)


@pytest.mark.parametrize(
    ("algorithm", "reason"),
    [
        (PPO(), "PPO has one baseline for the sum"),
        (SCST(), "SCST has one baseline for the sum"),
        (RewardWeightedRegression(keep=0.5), "keep leaves other rows out"),
    ],
)
def test_an_advantage_for_each_reward_is_refused_where_there_is_none(algorithm: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        trained(1, Conditioning(("east", "north"), 1, advantages="each"), algorithm=algorithm)


def refusals() -> Sequence[Any]:
    whole, critic = partial(LanguagePolicy, llama()), partial(LanguagePolicy, llama(), LoRA(rank=2), critic=True)
    dropout = partial(LanguagePolicy, llama(), LoRA(rank=2, dropout=0.1))
    return [(whole, "one λ at a time, so set it to 1"), (critic, "without a critic"), (dropout, "lora.dropout is 0.1")]


@pytest.mark.parametrize(("make", "reason"), refusals(), ids=["whole", "critic", "dropout"])
def test_what_cannot_be_trained_together(make: Any, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ConditionedPolicy(make(), Conditioning(("a", "b"), points=2))


def test_points_that_rows_cannot_share() -> None:
    environment, policy = gaussian()
    made = ConditionedPolicy(policy, Conditioning(("a", "b"), points=4))
    with pytest.raises(ConfigError, match=r"init_args\.points is 4: 4 rows of coefficients for 6 rows.*to a divisor"):
        made.sampled(lambda each: environment.rollout(each, 0))
    environment.close()
    environment, policy = drawing()
    made = ConditionedPolicy(policy, Conditioning(("a", "b"), points=4))
    with pytest.raises(ConfigError, match=r"4 rows of coefficients for 6 rows"):  # as 12 completions could
        made.sampled(lambda each: environment.rollout(each, 0, completions=2), completions=2)
    environment.close()


class Tied(PointPolicy):
    """Its place has a second name."""

    def __init__(self) -> None:
        super().__init__()
        self.again = nn.ParameterList([self.place])


@pytest.mark.parametrize("again", [False, True])
def test_names_that_a_policy_ties_are_trained_and_saved_as_one(again: bool, tmp_path: Path) -> None:
    policy = Tied()
    if again:  # weights() may leave out the first name
        policy.weights = lambda: {"again.0": policy.place}  # type: ignore[method-assign]
    both = ConditionedPolicy(policy, POINT)
    with torch.no_grad():
        (stack,) = both.experts
        stack.copy_(GOALS)
    points = torch.tensor([[0.25, 0.75], [1.0, 0.0]])
    rollout = Rollout(torch.zeros(2, 1), torch.ones(2, 1) > 0, {"actions": GOALS.unsqueeze(1)}, {}, {})
    rollout = replace(rollout, context={"coefficients": points})
    wanted = [PointPolicy() for _ in points]
    for one, point in zip(wanted, points @ GOALS, strict=True):
        one.place.data = point
    scores = torch.cat([one(rollout.rows(torch.tensor([row]))).log_probs for row, one in enumerate(wanted)])
    torch.testing.assert_close(both(rollout).log_probs, scores)
    write_weights(tmp_path, both.weights())
    for number, goal in enumerate(GOALS):
        loaded = Tied()
        loaded.load_weights(expert_of(read_weights(tmp_path), number))
        assert loaded.place.equal(goal)
