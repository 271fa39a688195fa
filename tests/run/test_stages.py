from __future__ import annotations

import pytest

from rsoup_lightning.run.settings import SoupSettings
from rsoup_lightning.run.stages import Stage, is_record, stages

RECORD = {"preference": {"a": 1}, "seconds": 2, "init": "0f", "steps": 5, "unit": "tokens", "history": [{"steps": 5}]}


def test_a_run_is_init_then_experts_and_baselines() -> None:
    settings = SoupSettings(init_epochs=2, morl=[{"a": 0.3, "b": 0.7}])
    assert stages(settings, ["a", "b"], 3) == [
        Stage("init", {"a": 0.5, "b": 0.5}, 2, None),
        Stage("experts/a", {"a": 1.0}, 3, "init"),
        Stage("experts/b", {"b": 1.0}, 3, "init"),
        Stage("baselines/morl/0", {"a": 0.3, "b": 0.7}, 3, "init"),
    ]
    assert [stage.family for stage in stages(settings, ["a"], 3)] == ["init", "experts", "baselines"]
    assert stages(SoupSettings(init_preference={"c": 1.0}), ["a"], 1)[0] == Stage("init", {"c": 1.0}, 0, None)


@pytest.mark.parametrize("change", [{"preference": {"a": "1"}}, {"seconds": "2"}, {"init": 0}, {"history": [5]}])
def test_what_is_no_record(change: dict[str, object]) -> None:
    assert is_record(RECORD)
    assert not is_record({**RECORD, **change})
    assert not is_record({key: value for key, value in RECORD.items() if key not in change} | {"history": None})
