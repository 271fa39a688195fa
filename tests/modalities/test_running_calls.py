"""Requests that share a batch: each row as if alone, and an error is heard by whom it concerns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from rsoup_lightning.errors import ConfigError, SimulationError
from rsoup_lightning.modalities.control import SimulatorEnvironment
from rsoup_lightning.modalities.running_calls import CallRequest, CallResult, RunningCalls
from rsoup_lightning.playing.soup import Soup
from tests.modalities.diffusion import test_playing as drawing
from tests.modalities.vision_language import test_playing as describing

POINTS = [(1.0, 0.0), (0.25, 0.75), (0.0, 1.0)]


def acting() -> Soup:
    environment = SimulatorEnvironment("HalfCheetah-v5", num_envs=1)
    policy, experts = environment.policy(hidden=(8,)), {}
    for seed, name in enumerate(("first", "second")):
        torch.manual_seed(seed)
        learnt = {key for key, _ in policy.named_parameters()}
        weights = policy.weights().items()
        experts[name] = {key: torch.randn_like(each) if key in learnt else each for key, each in weights}
    return Soup(policy, experts, environment)


def played(batch: RunningCalls[Any], requests: Sequence[CallRequest[Any]]) -> list[Any]:
    names = [batch.join(request) for request in requests]
    made = dict(batch.step())
    assert len(batch) == 0
    return [made[name] for name in names]


def test_actions() -> None:
    soup, seen = acting(), np.random.default_rng(0).normal(size=(4, 17))
    batch = soup.running(max_rows=8)
    first, second = played(batch, [CallRequest(POINTS, seen[:3]), CallRequest(POINTS[1:2], [seen[3].tolist()])])
    for row, point in enumerate([*POINTS, POINTS[1]]):
        alone = soup.at(dict(zip(soup.experts, point, strict=True))).act(seen[row])
        assert np.array_equal([*first.made, *second.made][row], alone)
    assert first.finish_reason == "stop" and batch.step() == []


def test_an_error_is_heard_by_whom_it_concerns() -> None:
    batch, good = acting().running(), np.ones(17)
    bad = [np.ones(16), np.full(17, np.nan), ["a"] * 17]
    made = played(batch, [CallRequest(POINTS[:1], [given]) for given in (good, *bad)])
    assert isinstance(made[0], CallResult) and all(isinstance(each, SimulationError) for each in made[1:])


@pytest.mark.parametrize("error", [RuntimeError, MemoryError])
def test_an_error_of_any_kind_is(error: type[Exception]) -> None:
    def play(rows: Any, given: Sequence[int]) -> list[float]:
        if 0 in given:
            raise error("no such thing")
        return [1 / each for each in given]

    soup = acting()
    made = played(RunningCalls(soup, play), [CallRequest(POINTS[:1], [given]) for given in (2, 0, 4)])
    assert [each.made for each in made[::2]] == [[0.5], [0.25]] and isinstance(made[1], error)


def test_pictures() -> None:
    soup = drawing.soup(drawing.lora)
    given = list(zip(drawing.PROMPTS[:3], [5, 6, 7], strict=True))
    (made,) = played(soup.running(), [CallRequest(POINTS, given)])
    for picture, (prompt, seed), point in zip(made.made, given, POINTS, strict=True):
        (alone,) = soup.at(dict(zip(soup.experts, point, strict=True))).draw([prompt], seed=seed)
        assert np.abs(np.asarray(picture, int) - np.asarray(alone, int)).max() <= 1


def test_descriptions() -> None:
    soup, _ = describing.soup(False)
    given = list(zip(describing.PICTURES[:3], describing.QUESTIONS[:3], strict=True))
    (made,) = played(soup.running(), [CallRequest(POINTS, given)])
    for text, (picture, question), point in zip(made.made, given, POINTS, strict=True):
        assert soup.at(dict(zip(soup.experts, point, strict=True))).describe([picture], [question]) == [text]


def test_room_and_leaving() -> None:
    batch = acting().running(max_rows=3)
    one, two = CallRequest(POINTS[:1], [np.ones(17)]), CallRequest(POINTS[:2], [np.ones(17)] * 2)
    name = batch.join(two)
    assert batch.fits(one) and not batch.fits(two)
    batch.leave(name), batch.leave(name)
    assert batch.fits(two) and len(batch) == 0
    batch.join(two)
    batch.clear()
    assert batch.step() == []


@pytest.mark.parametrize(
    ("points", "rows", "told"),
    [
        ([], 0, "0 rows: give 1 to 8, or raise max_rows"),
        (POINTS, 2, "2 rows and 3 λ: give a λ for each"),
        (POINTS[:1] * 9, 9, "9 rows: give 1 to 8, or raise max_rows"),
    ],
)
def test_requests_that_can_never_be_played(points: Any, rows: int, told: str) -> None:
    with pytest.raises(ConfigError, match=f"the request has {told}"):
        acting().running(max_rows=8).check(CallRequest(points, [np.ones(17)] * rows))
    with pytest.raises(ConfigError, match="max_rows is 0: it must be at least 1"):
        acting().running(max_rows=0)
