"""Which λ a soup plays, and which row at which."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from rsoup_lightning.errors import CoefficientError, ConfigError, FrontError, RSoupError, UnknownNameError
from rsoup_lightning.mixture import Rows
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.policy import Policy, Soups, Weights
from tests.conftest import Plane, PointPolicy

EXPERTS = {"east": {"place": torch.tensor([1.0, 0.3])}, "north": {"place": torch.tensor([0.2, 1.0])}}


class Mixed(PointPolicy):
    """A policy that plays many λ in one batch."""

    def soups(self, experts: Any) -> Soups:
        def at(points: Any) -> Policy:
            made = PointPolicy()
            made.members = len(points)
            made.place.data = torch.stack([_mean(experts, point) for point in points])
            return made

        return at


class Rowing(Plane):
    """Plays nothing but the rows themselves."""

    def player(self, rows: Rows) -> Rows:
        return rows


def _mean(experts: list[Weights], point: tuple[float, ...]) -> Tensor:
    return sum((weight * expert["place"] for weight, expert in zip(point, experts, strict=True)), torch.zeros(2))


def soup(policy: type[PointPolicy], names: tuple[str, ...] = ("east", "north")) -> Soup:
    return Soup(policy(), {name: EXPERTS[name] for name in names}, Rowing())


def places(policy: Any, numbers: list[int]) -> list[Tensor]:
    """Where the policy of each row is."""
    return [row.clone() for row in policy.place.detach().expand(len(numbers), 2)]


@pytest.mark.parametrize("policy", [PointPolicy, Mixed])
def test_rows_are_played_at_their_lambda(policy: type[PointPolicy]) -> None:
    made, wanted = soup(policy), [(0.25, 0.75), (1.0, 0.0), (0.25, 0.75), (0.0, 1.0)]
    rows: Rows = made.at([{"east": east, "north": north} for east, north in wanted])
    played = rows(4, places)
    for place, point in zip(played, wanted, strict=True):
        assert torch.allclose(place, _mean(list(EXPERTS.values()), point))
        (alone,) = made.at(dict(zip(EXPERTS, point, strict=True)))(1, places)
        assert torch.equal(alone, place)
    assert torch.equal(played[1], EXPERTS["east"]["place"]) and torch.equal(played[3], EXPERTS["north"]["place"])
    assert made.at({"east": 1})(0, places) == []


def test_whole_experts_are_merged_once_for_each_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    made, loaded = soup(PointPolicy), []
    load = PointPolicy.load_weights
    monkeypatch.setattr(PointPolicy, "load_weights", lambda self, weights: (loaded.append(1), load(self, weights))[1])
    rows = made.at([{"east": 1}, {"north": 1}, {"east": 1}])
    rows(3, places)
    assert len(loaded) == 2
    one = made.at(north=1)
    one(1, places), one(2, places)
    assert len(loaded) == 2, "it is in the policy already"


def test_lambda_by_names_of_experts_and_a_soup_of_one() -> None:
    (place,) = soup(PointPolicy).at(east=0.5, north=0.5)(1, places)
    assert torch.allclose(place, torch.tensor([0.6, 0.65]))
    (place,) = soup(PointPolicy, ("north",)).at()(1, places)
    assert torch.equal(place, EXPERTS["north"]["place"])


@pytest.mark.parametrize(
    ("given", "named", "error", "reason"),
    [
        ((), {}, ConfigError, r"at\(\) needs λ, weights of east, north"),
        (({"eats": 1.0},), {}, UnknownNameError, "unknown expert 'eats': did you mean 'east'"),
        (
            (),
            {"east": 0.5, "north": 0.6},
            CoefficientError,
            r"must sum to 1 and not to 1\.1, got \{'east': 0\.5, 'north': 0\.6\}$",
        ),
        (({"east": 1.0},), {"north": 1.0}, ConfigError, "one of them only"),
        ((), {"preference": {"east": 1.0}}, FrontError, "no front that tells which λ suits a preference: give λ"),
    ],
)
def test_what_at_refuses(given: Any, named: Any, error: type[RSoupError], reason: str) -> None:
    with pytest.raises(error, match=reason):
        soup(PointPolicy).at(*given, **named)


@pytest.mark.parametrize("policy", [PointPolicy, Mixed])
def test_a_batch_of_another_size(policy: type[PointPolicy]) -> None:
    rows = soup(policy).at([{"east": 1}, {"north": 1}])
    with pytest.raises(CoefficientError, match="2 λ for 4 rows: give one for each"):
        rows(4, places)
    with pytest.raises(CoefficientError, match="0 λ for 1 rows"):
        soup(policy).at([])(1, places)


def test_whole_weights_share_no_batch() -> None:
    made = soup(PointPolicy)
    assert not made.side_by_side and soup(Mixed).side_by_side
    with pytest.raises(ConfigError, match="whole weights play one λ at a time"):
        made.mixed([(1.0, 0.0), (0.0, 1.0)])
    with pytest.raises(ConfigError, match="Rowing has no running batch: define running"):
        made.running()
