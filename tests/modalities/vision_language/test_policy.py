"""Re-scoring against the model run plainly on each row, the reference, and what makes an expert."""

from __future__ import annotations

import pytest
import torch
from open_clip.transformer import PatchDropout
from PIL import Image
from torch import Tensor

from rsoup_lightning.losses import kl_per_step
from rsoup_lightning.merging import linear
from rsoup_lightning.modalities.vision_language.policy import ROWS_AT_A_TIME, VisionLanguagePolicy
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.trainer.callbacks import swapped_in
from tests.modalities.vision_language.tiny import Squares, captioner, environment, pictures, policy, stirred

DATA = Squares()


def rolled(made: VisionLanguagePolicy, completions: int = 3, seed: int = 0) -> Rollout:
    torch.manual_seed(seed)
    return environment(DATA, made, batch_size=6).rollout(made, 0, completions=completions)


def plain(made: VisionLanguagePolicy, rollout: Rollout, *, table: bool = False) -> Tensor:
    """``[B, T]`` log-probabilities by open_clip's own modules, run on each row alone without padding.

    Args:
        table: take the features of the picture as they are kept, not as the encoder gives them.
    """
    scores, model = torch.zeros(rollout.mask.shape), made.model
    names = list(dict.fromkeys(item.picture for split in ("train", "eval") for item in DATA.items(split)))  # type: ignore[arg-type]
    for row in range(len(rollout)):
        number = int(rollout["picture"][row])
        prompt = rollout["prompt_tokens"][row][rollout["prompt_mask"][row]]
        tokens = rollout["tokens"][row][rollout.mask[row]]
        with torch.no_grad():
            if table:
                seen = made._pictures(torch.tensor([number]))[0]
            else:
                seen = model.visual(captioner(DATA).preprocess(DATA.picture(names[number]))[None])[1]
            logits = model.text_decoder(seen, model.text(torch.cat([prompt, tokens])[None])[1])[0]
        chances = torch.log_softmax(logits[len(prompt) - 1 : -1] / made.temperature, -1)
        scores[row, : len(tokens)] = chances[torch.arange(len(tokens)), tokens]
    return scores


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("train_encoder", [False, True])
def test_log_probs_are_those_of_each_row_alone(train_encoder: bool, temperature: float) -> None:
    made = policy(DATA, train_encoder=train_encoder, temperature=temperature)
    rollout = rolled(made)
    assert len(set(rollout["prompt_mask"].sum(1).tolist())) == 3 and len(set(rollout.mask.sum(1).tolist())) > 1
    expected = plain(made, rollout, table=not train_encoder)
    ours = (made(rollout).log_probs * rollout.mask).detach()
    assert torch.allclose(ours, expected, atol=1e-5)
    assert torch.allclose(rollout.log_probs, expected, atol=1e-5)
    assert -10 < expected[rollout.mask].mean() < -0.1


def test_features_give_what_pixels_give_to_half_precision() -> None:
    loaded = captioner(DATA)
    frozen = VisionLanguagePolicy(loaded, pictures(loaded, DATA))
    rollout = rolled(frozen)
    assert torch.allclose(rollout.log_probs, plain(frozen, rollout), atol=0.02)
    assert not torch.equal(rollout.log_probs, plain(frozen, rollout))


@pytest.mark.parametrize("train_encoder", [False, True])
def test_the_likelihood_ratio_is_one_before_the_first_update(train_encoder: bool) -> None:
    made = policy(DATA, train_encoder=train_encoder)
    rollout = rolled(made)
    made.train()
    ours = made(rollout).log_probs
    assert ours.requires_grad
    assert torch.allclose((ours - rollout.log_probs)[rollout.mask].exp(), torch.ones(()), atol=1e-5)


def test_an_encoder_that_drops_patches_is_re_scored_as_it_sampled() -> None:
    loaded = captioner(DATA)
    loaded.model.visual.patch_dropout = PatchDropout(0.5)
    made = VisionLanguagePolicy(loaded, pictures(loaded, DATA, pixels=True), train_encoder=True).train()
    rollout = rolled(made)
    assert torch.equal(made(rollout).log_probs[rollout.mask], rollout.log_probs[rollout.mask])


def test_rows_in_another_order_score_the_same() -> None:
    made, order = policy(DATA), torch.tensor([5, 0, 3, 7])
    rollout = rolled(made)
    again = made(rollout.rows(order)).log_probs
    assert again.shape == rollout.mask[order].shape
    assert torch.allclose(again * rollout.mask[order], rollout.log_probs[order], atol=1e-5)


@pytest.mark.parametrize("train_encoder", [False, True])
def test_the_reference_is_the_start_after_training_moved_the_weights(train_encoder: bool) -> None:
    made = policy(DATA, train_encoder=train_encoder)
    start = {name: tensor.clone() for name, tensor in made.weights().items()}
    stirred(made, 1)
    moved = {name: tensor.clone() for name, tensor in made.weights().items()}
    rollout = rolled(made)
    with swapped_in(made, start):
        expected = plain(made, rollout, table=not train_encoder)
    reference = made.reference_log_probs(rollout)
    assert torch.equal(reference, rollout["base_log_probs"])
    assert torch.allclose(reference * rollout.mask, expected, atol=1e-4)
    assert (kl_per_step(rollout.log_probs, reference) * rollout.mask).sum(1).mean() > 0.1
    for name, tensor in made.weights().items():
        assert torch.equal(tensor, moved[name]), name


def test_many_rows_are_compared_to_the_reference_in_parts() -> None:
    made = stirred(policy(DATA), 1)
    rollout = rolled(made, completions=ROWS_AT_A_TIME // 6 + 4)
    assert len(rollout) > ROWS_AT_A_TIME
    few = rollout.rows(torch.arange(250, 262))
    again = made.base_log_probs(few)
    assert torch.allclose(again[few.mask], rollout["base_log_probs"][250:262][few.mask], atol=1e-5)


def test_a_start_is_the_reference_until_another_is_frozen() -> None:
    made, other = policy(DATA), dict(stirred(policy(DATA), 3).weights())
    made.start_from(other)
    rollout = rolled(made)
    assert torch.allclose(made.reference_log_probs(rollout)[rollout.mask], rollout.log_probs[rollout.mask], atol=1e-5)
    stirred(made, 4)
    rollout = rolled(made)
    gap = (made.reference_log_probs(rollout) - rollout.log_probs)[rollout.mask].abs().max()
    made.freeze_reference()
    rollout = rolled(made)
    assert torch.allclose(made.reference_log_probs(rollout)[rollout.mask], rollout.log_probs[rollout.mask], atol=1e-5)
    assert gap > 0.1


@pytest.mark.parametrize("train_encoder", [False, True])
def test_gradients_reach_what_makes_an_expert(train_encoder: bool) -> None:
    made = policy(DATA, train_encoder=train_encoder)
    made(rolled(made)).log_probs.sum().backward()
    reached = {name for name, parameter in made.named_parameters() if parameter.grad is not None}
    assert reached == set(made.weights())
    assert any(name.startswith("model.visual.") for name in reached) == train_encoder
    assert {name.split(".")[1] for name in reached} >= {"text", "text_decoder"}
    assert all(bool(weight.grad.any()) for weight in made.parameters() if weight.grad is not None)


def test_one_hot_soups_reproduce_their_experts_bit_for_bit() -> None:
    made = policy(DATA)
    experts = [{name: w.clone() for name, w in stirred(policy(DATA), seed).weights().items()} for seed in (5, 6)]
    answers = []
    for index, expert in enumerate(experts):
        alone = policy(DATA)
        alone.load_weights(expert)
        soup = linear(experts, [float(index == 0), float(index == 1)])
        with swapped_in(made, soup):
            pair = rolled(alone), rolled(made)
            evaluated = [environment(DATA, one).evaluate(one, torch.arange(6)) for one in (alone, made)]
        for one, other in (pair, evaluated):
            assert torch.equal(one["tokens"], other["tokens"])
            assert torch.equal(one.log_probs, other.log_probs)
            assert torch.equal(one["base_log_probs"], other["base_log_probs"])
        answers.append(pair[0].texts["answer"])
    assert answers[0] != answers[1]


def experts_of(made: VisionLanguagePolicy) -> list[dict[str, Tensor]]:
    start = {name: tensor.clone() for name, tensor in made.weights().items()}
    stirred_twice = []
    for seed in (1, 2):
        stirred_twice.append({name: tensor.clone() for name, tensor in stirred(made, seed).weights().items()})
        made.load_weights(start)
    return stirred_twice


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("train_encoder", [False, True])
def test_one_hot_ensembles_answer_as_that_expert_to_the_last_bit(train_encoder: bool, beams: int) -> None:
    made, entries = policy(DATA, train_encoder=train_encoder), torch.arange(6)
    place, experts = environment(DATA, made, beams=beams), experts_of(made)
    ensembles = made.ensembles(experts)
    assert ensembles is not None
    for point, expert in zip([(1.0, 0.0), (0.0, 1.0)], experts, strict=True):
        played = place.evaluate(ensembles([point]), entries)
        with swapped_in(made, expert):
            expected = place.evaluate(made, entries)
        assert torch.equal(played["tokens"], expected["tokens"])
        assert torch.equal(played.log_probs, expected.log_probs)
    assert not torch.equal(played["tokens"], place.evaluate(ensembles([(1.0, 0.0)]), entries)["tokens"])


@pytest.mark.parametrize("train_encoder", [False, True])
def test_ensembles_choose_the_token_that_the_mixed_distributions_say(train_encoder: bool) -> None:
    made = policy(DATA, train_encoder=train_encoder, temperature=0.8)
    points, experts = [(0.4, 0.6), (0.0, 1.0)], experts_of(made)
    ensembles = made.ensembles(experts)
    assert ensembles is not None
    played = environment(DATA, made, beams=1).evaluate(ensembles(points), torch.arange(6))
    assert played["id"].tolist() == [*range(6)] * 2
    for row in range(12):
        prompt = played["prompt_tokens"][row][played["prompt_mask"][row]]
        tokens = played["tokens"][row][played.mask[row]]
        mixed = torch.zeros(len(tokens), 0)
        for share, expert in zip(points[row // 6], experts, strict=True):
            with swapped_in(made, expert), torch.no_grad():
                logits = made.follow(played["picture"][[row]])(torch.cat([prompt, tokens])[None], torch.tensor([0]))[0]
            each = share * (logits[len(prompt) - 1 : -1] / 0.8).log_softmax(-1)
            mixed = mixed + each if mixed.numel() else each
        chances = mixed.log_softmax(-1)
        assert torch.equal(chances.argmax(-1), tokens)
        expected = chances.gather(-1, tokens[:, None]).squeeze(-1)
        assert torch.allclose(played.log_probs[row][: len(tokens)], expected, atol=1e-5)


def test_transparent_pictures_are_seen_on_white() -> None:
    made, clear = policy(DATA), Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    clear.paste((255, 0, 0, 255), (3, 3, 13, 13))
    start = torch.tensor([[made.vocabulary.start]])
    seen, wanted = (
        made.follow_new([picture])(start, torch.tensor([0])) for picture in (clear, DATA.picture("train/red"))
    )
    assert torch.equal(seen, wanted)


def test_ensembles_describe_pictures_that_are_none_of_the_datas() -> None:
    made = policy(DATA, train_encoder=True)
    ensembles = made.ensembles(experts_of(made))
    assert ensembles is not None and made.ensembles(experts_of(made), drawn=True) is None
    place, items = environment(DATA, made), DATA.items("eval")
    shown, asked = [DATA.picture(item.picture) for item in items], [item.question for item in items]
    played = place.evaluate(ensembles([(0.4, 0.6)]), torch.arange(6))
    assert place._answers(ensembles([(0.4, 0.6)]), shown, asked) == list(played.texts["answer"])
