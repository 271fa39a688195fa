from __future__ import annotations

import pytest

from rsoup_lightning.errors import CoefficientError, ConfigError, UnknownNameError
from rsoup_lightning.methods import WARP, BoneSoup, Conditioned, IteratedSoup, Method
from rsoup_lightning.run.recipes.settings import SoupSettings, check_settings


def test_experts_default_to_all_rewards() -> None:
    assert check_settings(SoupSettings(), ["east", "north"], ["east", "north"]) == ["east", "north"]
    assert check_settings(SoupSettings(experts=["north"]), ["east", "north"], ["east", "north"]) == ["north"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        (SoupSettings(experts=["eats"]), UnknownNameError),
        (SoupSettings(experts=["east", "east"]), ConfigError),
        (SoupSettings(reference_point={"east": 0.0}), ConfigError),
        (SoupSettings(reference_point={"west": 0.0, "north": 1.0}), UnknownNameError),
        (SoupSettings(init_preference={"east": 0.5}), CoefficientError),
        (SoupSettings(morl=[{"east": 1.5, "north": -0.5}]), CoefficientError),
        (SoupSettings(init_epochs=-1), ConfigError),
        (SoupSettings(grid=1), CoefficientError),
    ],
)
def test_impossible_settings(settings: SoupSettings, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_settings(settings, ["east", "north"], ["east", "north"])


@pytest.mark.parametrize("method", [IteratedSoup(), WARP(), Conditioned()], ids=lambda method: type(method).__name__)
def test_morl_beside_experts_that_are_none_of_its_trainings_is_refused(method: Method) -> None:
    settings = SoupSettings(method=method, morl=[{"east": 0.5, "north": 0.5}])
    with pytest.raises(ConfigError, match=f"those of {type(method).__name__} are none: leave soup.morl empty"):
        check_settings(settings, ["east", "north"], ["east", "north"])


@pytest.mark.parametrize("method", [IteratedSoup(rounds=1), BoneSoup()], ids=["one round", "backbones"])
def test_morl_beside_experts_that_each_begin_at_init_is_welcome(method: Method) -> None:
    settings = SoupSettings(method=method, morl=[{"east": 0.5, "north": 0.5}])
    assert check_settings(settings, ["east", "north"], ["east", "north"]) == ["east", "north"]
