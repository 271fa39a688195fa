"""Prompts in, completions out, as rewards and people will see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Entry, PromptData, Split
from rsoup_lightning.modalities.language.environment import TextEnvironment
from tests.conftest import PointPolicy
from tests.modalities.language.test_policy import environment, policy, rolled
from tests.modalities.language.tiny import Sentences, llama, tokenizer


class Given(PromptData):
    """The same entries for both splits."""

    def __init__(self, *entries: Entry) -> None:
        self.given = entries

    def entries(self, split: Split) -> Sequence[Entry]:
        return self.given


def made(*entries: Entry, **changes: Any) -> TextEnvironment:
    return TextEnvironment(Given(*entries), tokenizer(), **changes)


def test_completions_of_a_prompt_stand_next_to_each_other() -> None:
    rollout = rolled(policy(), completions=3)
    assert len(rollout) == 4 * 3
    assert rollout["id"].tolist() == [number for number in rollout["id"][::3].tolist() for _ in range(3)]
    assert rollout.texts["question"] == [text for text in rollout.texts["question"][::3] for _ in range(3)]


def test_texts_are_the_tokens_that_were_sampled() -> None:
    rollout, words = rolled(policy()), tokenizer()
    for row in range(len(rollout)):
        assert rollout.texts["prompt"][row] == words.decode(rollout["prompt_tokens"][row][rollout["prompt_mask"][row]])
        kept = [token for token in rollout["tokens"][row][rollout.mask[row]].tolist() if token > 1]
        assert rollout.texts["answer"][row] == words.decode(kept)


def test_an_epoch_goes_through_the_entries_and_follows_its_seed() -> None:
    places = environment(batch_size=6)
    seen = [places.rollout(policy(), batch)["id"].tolist() for batch in range(2)]
    assert sorted(seen[0] + seen[1]) == list(range(12))
    places.begin(0)
    assert places.rollout(policy(), 0)["id"].tolist() == seen[0]
    places.begin(1)
    assert places.rollout(policy(), 0)["id"].tolist() != seen[0]


def test_evaluation_is_the_same_each_time() -> None:
    first, again = (environment().evaluate(policy(), torch.arange(5)) for _ in range(2))
    assert torch.equal(first["tokens"], again["tokens"])
    assert first["id"].tolist() == list(range(5))


def test_greedy_completions_depend_on_no_chance() -> None:
    first, again = (environment().rollout(policy(), 0, greedy=True) for _ in range(2))
    assert torch.equal(first["tokens"], again["tokens"])


def test_what_the_policy_reads() -> None:
    entry, words = Entry("ask", prompt="please ask"), tokenizer()
    chat = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}>{% endif %}"

    def read(template: str | None) -> str:
        place = TextEnvironment(Given(entry), words, template=template, batch_size=1, max_new_tokens=2)
        place.begin(0)
        return str(words.decode(place.rollout(policy(), 0)["prompt_tokens"][0]))

    assert read(None) == "please ask"
    assert read("Q: {prompt} {A}") == "Q: please ask {A}"
    words.chat_template = chat
    assert read(None) == "<user>please ask>"
    assert read("{prompt}") == "please ask"


def test_stop_texts_end_a_completion() -> None:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    rollout = environment(stop=letters, max_new_tokens=40).rollout(policy(), 0, completions=4)
    for answer in rollout.texts["answer"]:
        assert not set(answer[:-1]) & set(letters)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stop": ["two"]}, "'two' is 3 tokens"),
        ({"batch_size": 0}, "at least 1"),
        ({"max_new_tokens": 0}, "at least 1"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        made(Entry("ask"), **changes)


def test_a_prompt_longer_than_the_context_is_named() -> None:
    short, long = Entry("short"), Entry("long" * 8)
    with pytest.raises(ConfigError, match=r"train entry 1 has 32 tokens, and the model reads 40 .* 10 .*longlong"):
        made(short, long, max_new_tokens=10, context=40).begin(0)
    made(short, long, max_new_tokens=8, context=40).begin(0)
    with pytest.raises(ConfigError, match=r"train entry 1 has 40 tokens"):  # four of each character
        made(short, Entry("🥘" * 10), max_new_tokens=8, context=40).begin(0)


def test_prompts_that_cannot_be_read_are_named_before_the_first_rollout() -> None:
    with pytest.raises(
        ConfigError, match="the prompt of train entry 1 is empty, and the tokenizer adds no start token"
    ):
        made(Entry("ask"), Entry("")).begin(0)
    words = tokenizer()
    words.chat_template = "{% if 'x' in messages[0].content %}{{ raise_exception('no') }}{% endif %}{{ messages }}"
    with pytest.raises(ConfigError, match="fails on a message of the user, 'ask x': no"):
        TextEnvironment(Given(Entry("ask"), Entry("ask x")), words).begin(0)


def test_data_without_entries() -> None:
    with pytest.raises(ConfigError, match="Given has nothing in its train split: check"):
        made().begin(0)


def test_a_policy_of_another_kind() -> None:
    place = TextEnvironment(Sentences(), tokenizer())
    with pytest.raises(ConfigError, match="language policy, not PointPolicy"):
        place.evaluate(PointPolicy(), torch.arange(2))


def test_rollouts_need_a_seed_first() -> None:
    with pytest.raises(ConfigError, match="begin"):
        TextEnvironment(Sentences(), tokenizer()).rollout(policy(), 0)


@pytest.mark.parametrize("members", [1, 2])
def test_completions_are_scored_as_answers_to_another_prompt_too(members: int) -> None:
    made, places = policy(1), environment(template="so {prompt}:", elsewhere=True)
    soup = made.soups([made.weights(), policy(2).weights()])
    assert soup is not None
    rollout = places.evaluate(soup([[1.0, 0.0], [0.5, 0.5]]) if members == 2 else made, torch.arange(3))
    assert len(rollout) == members * 3
    base, entries = llama(), Sentences().entries("eval")  # the policy's base, before any adapter
    for row in range(len(rollout)):
        other = entries[(row % 3 + 2) % 5]
        asked = tokenizer()(f"so {other.question}:")["input_ids"]
        tokens = rollout["tokens"][row][rollout.mask[row]]
        logits = base(torch.tensor([asked + tokens.tolist()])).logits[0, len(asked) - 1 : -1]
        expected = logits.log_softmax(-1).gather(1, tokens.unsqueeze(1)).squeeze(1)
        scored = rollout["elsewhere_log_probs"][row][rollout.mask[row]]
        torch.testing.assert_close(scored, expected, atol=1e-4, rtol=0)
