from __future__ import annotations

import pytest

from rsoup_lightning.methods.method import Derived, Stage
from rsoup_lightning.methods.rewarded_soup import RewardedSoup
from rsoup_lightning.run.folders.stages import Plan, graph, is_record, plan
from rsoup_lightning.run.recipes.settings import SoupSettings

RECORD = {
    "preference": {"a": 1},
    "seconds": 2,
    "sources": {"init": "0f"},
    "steps": 5,
    "unit": "tokens",
    "history": [{"steps": 5}],
}


def test_a_run_is_init_then_experts_and_baselines() -> None:
    settings = SoupSettings(init_epochs=2, morl=[{"a": 0.3, "b": 0.7}])
    assert plan(settings, ["a", "b"], 3).stages == [
        Stage("init", {"a": 0.5, "b": 0.5}, 2, None),
        Stage("experts/a", {"a": 1.0}, 3, "init"),
        Stage("experts/b", {"b": 1.0}, 3, "init"),
        Stage("baselines/morl/0", {"a": 0.3, "b": 0.7}, 3, "init"),
    ]
    alone = plan(settings, ["a", "b"], 3)
    assert [stage.family for stage in alone.trainings.values()] == ["init", "experts", "experts", "baselines"]
    assert [stage.name for stage in alone.beside] == ["init", "baselines/morl/0"]
    whole = plan(SoupSettings(init_preference={"c": 1.0}, grid=3), ["a", "b"], 1)
    assert whole.stages[0] == Stage("init", {"c": 1.0}, 0, None)
    assert whole.lattice == [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)] and whole.experts == {"a": {"a": 1.0}, "b": {"b": 1.0}}


def test_weights_made_of_others_come_after_them_and_go_with_them() -> None:
    stages = [
        Stage("init", {}, 1, None),
        Stage("first/a", {}, 1),
        Derived("merged", ("first/a", "init"), lambda weights: weights[0]),
        Derived("again", ("merged",), lambda weights: weights[0]),
        Stage("experts/a", {}, 1, "again"),
    ]
    assert graph(stages, ["sweep/000"], normalise=True) == {
        "init": [],
        "normalisation": ["init"],
        "first/a": ["normalisation"],
        "merged": ["first/a", "normalisation"],
        "again": ["merged"],
        "experts/a": ["again"],
        "sweep/000": ["init", "first/a", "merged", "again", "experts/a"],
        "front": ["sweep/000"],
    }
    whole = Plan(RewardedSoup(), ["a"], stages, [(1.0,)])
    assert whole.made_of("first/a") == ["merged", "again"] and not whole.made_of("experts/a")


@pytest.mark.parametrize("change", [{"preference": {"a": "1"}}, {"seconds": "2"}, {"sources": 0}, {"history": [5]}])
def test_what_is_no_record(change: dict[str, object]) -> None:
    assert is_record(RECORD)
    assert not is_record({**RECORD, **change})
    assert not is_record({key: value for key, value in RECORD.items() if key not in change} | {"history": None})


def test_weights_made_of_others_have_a_record_of_their_own() -> None:
    made = {"seconds": 0.1, "sources": {"a": "0f", "b": "1f"}, "lost": 0.25}
    assert is_record(made)
    assert not is_record({**made, "lost": "0.25"}) and not is_record({"seconds": 0.1, "lost": 0.25})
