"""Sampling and beam search on a table of logits, where everything can be enumerated."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.vision_language.decoding import (
    Answers,
    Follow,
    answer_logits,
    beam_search,
    joined,
    sample_answers,
)

PADDING, START, END, WORDS, STEPS = 0, 1, 2, 5, 3


def table(seed: int = 0, rows: int = 1, spread: float = 1.0) -> Tensor:
    """``[rows, WORDS, WORDS]`` logits of a word after another, and never of padding or start."""
    logits = spread * torch.randn(rows, WORDS, WORDS, generator=torch.Generator().manual_seed(seed))
    logits[..., [PADDING, START]] = -1e4
    return logits


def following(logits: Tensor) -> Follow:
    """What follows depends on the word before alone, and on the picture."""
    return lambda tokens, rows: logits[rows.unsqueeze(1), tokens]


def prompts(*lengths: int) -> PromptTokens:
    """Starts only, as many as each row has."""
    return PromptTokens.of([[START] * length for length in lengths], PADDING)


def search(logits: Tensor, beams: int, limit: int = STEPS) -> Answers:
    given = prompts(*[1 + row % 2 for row in range(len(logits))])
    return beam_search(following(logits), given, beams=beams, limit=limit, end=END, padding=PADDING)


def greedy(logits: Tensor, limit: int = STEPS) -> Answers:
    given = prompts(*[1 + row % 2 for row in range(len(logits))])
    return sample_answers(following(logits), given, limit=limit, end=END, padding=PADDING, greedy=True)


def whole(answers: Answers) -> list[list[int]]:
    return [tokens[mask].tolist() for tokens, mask in zip(answers.tokens, answers.mask, strict=True)]


def best(logits: Tensor, limit: int = STEPS) -> list[int]:
    """Of all answers that end, or are as long as may be, that with the highest log-probability per token."""
    rows = product(range(WORDS), repeat=limit)
    answers: set[tuple[int, ...]] = {row[: row.index(END) + 1] if END in row else row for row in rows}
    chances = torch.log_softmax(logits.double(), -1)

    def score(answer: tuple[int, ...]) -> float:
        return sum(chances[a, b].item() for a, b in zip((START, *answer), answer, strict=False)) / len(answer)

    found: tuple[int, ...] = max(answers, key=score)
    return list(found)


def test_answers_stand_right_after_their_prompts() -> None:
    rows = joined(prompts(1, 3), torch.tensor([[3, 4], [4, 2]]), PADDING)
    assert rows.tolist() == [[1, 3, 4, 0, 0], [1, 1, 1, 4, 2]]


def test_logits_are_those_from_which_each_token_was_chosen() -> None:
    logits, tokens = table(rows=2), torch.tensor([[3, 4], [4, 2]])
    found = answer_logits(following(logits), prompts(1, 3), tokens, torch.arange(2), PADDING)
    for row, chosen in enumerate(tokens.tolist()):
        assert torch.equal(found[row], logits[row, [START, chosen[0]]])


def test_greedy_takes_the_most_likely_token_at_each_step() -> None:
    logits = table(rows=40)
    for row, answer in enumerate(whole(greedy(logits, limit=6))):
        word, expected = START, list[int]()
        while word != END and len(expected) < 6:
            word = int(logits[row, word].argmax())
            expected.append(word)
        assert answer == expected


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_samples_follow_the_softmax_at_their_temperature(temperature: float) -> None:
    logits, rows = table(), 20_000
    torch.manual_seed(0)
    given = prompts(*[1] * rows)
    answers = sample_answers(
        lambda tokens, _: logits[0, tokens],
        given,
        limit=2,
        end=END,
        padding=PADDING,
        temperature=temperature,
        greedy=False,
    )
    chances = torch.softmax(logits[0] / temperature, -1)
    ends = torch.arange(WORDS) == END
    pairs = (chances[START].unsqueeze(1) * torch.where(ends.unsqueeze(1), torch.eye(WORDS)[PADDING], chances)).flatten()
    seen = torch.bincount(answers.tokens[:, 0] * WORDS + answers.tokens[:, 1], minlength=WORDS**2) / rows
    assert ((seen - pairs).abs() <= 5 * (pairs * (1 - pairs) / rows).sqrt() + 1e-9).all()


@pytest.mark.parametrize("beams", [0, 1, 3])
def test_nothing_counts_after_the_end(beams: int) -> None:
    torch.manual_seed(0)
    logits = table(rows=60, spread=0.5)
    given = prompts(*[1] * 60)
    if beams:
        answers = search(logits, beams, limit=8)
    else:
        answers = sample_answers(following(logits), given, limit=8, end=END, padding=PADDING, greedy=False)
    lengths = answers.mask.sum(1)
    assert 1 <= lengths.min() < lengths.max() == answers.tokens.shape[1]
    for tokens, mask in zip(answers.tokens, answers.mask, strict=True):
        length = int(mask.sum())
        assert mask[:length].all() and not tokens[length:].any()
        assert END not in tokens[: length - 1] and (length == 8 or tokens[length - 1] == END)


def test_one_beam_is_greedy() -> None:
    logits = table(rows=50)
    assert whole(search(logits, 1, limit=5)) == whole(greedy(logits, limit=5))


def test_enough_beams_find_the_best_answer_of_all() -> None:
    logits = table(rows=30)
    found = whole(search(logits, WORDS**STEPS))
    assert found == [best(row) for row in logits]
    assert found != whole(greedy(logits))
    assert {len(answer) for answer in found} == {1, 2, 3}


def test_few_beams_find_no_worse_on_average_than_greedy() -> None:
    logits = table(rows=200, seed=1)
    chances = torch.log_softmax(logits, -1)

    def mean(answers: list[list[int]]) -> float:
        scores = [
            sum(chances[row, a, b].item() for a, b in zip((START, *answer), answer, strict=False)) / len(answer)
            for row, answer in enumerate(answers)
        ]
        return sum(scores) / len(scores)

    assert mean(whole(search(logits, 3))) > mean(whole(greedy(logits))) + 0.01


def test_an_ended_beam_stays_as_it_is_beside_longer_ones() -> None:
    chances = torch.full((1, WORDS, WORDS), 1e-9)
    chances[0, START, [END, 3]] = torch.tensor([0.4, 0.6])
    chances[0, 3, [3, 4]] = torch.tensor([0.5, 0.5])
    chances[0, 4, [3, 4]] = torch.tensor([0.1, 0.9])
    assert whole(search(chances.log(), 3)) == [[3, 4, 4]]  # (0.6 * 0.5 * 0.9)^(1/3) = 0.65 per token
    chances[0, START, [END, 3]] = torch.tensor([0.7, 0.3])
    assert whole(search(chances.log(), 3)) == [[END]]  # 0.7, against (0.3 * 0.5 * 0.9)^(1/3) = 0.51
