from __future__ import annotations

import pytest

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError, UnknownNameError


def test_our_task_is_registered_through_the_entry_point() -> None:
    task = registry.get("locomotion")
    assert task.reward("risky").effort == 0
    assert registry.fine_tuner("locomotion").__name__ == "LocomotionFineTuner"
    assert registry.fine_tuner("tests.conftest:PointFineTuner").__name__ == "PointFineTuner"


def test_unknown_names_suggest() -> None:
    with pytest.raises(UnknownNameError, match="unknown task 'locomotio': did you mean 'locomotion'"):
        registry.fine_tuner("locomotio")
    with pytest.raises(UnknownNameError, match="did you mean 'cautious'"):
        registry.get("locomotion").reward("cautius")


@pytest.mark.parametrize("path", ["no_such_module:Thing", "tests.conftest:Nothing", "math."])
def test_what_cannot_be_imported(path: str) -> None:
    with pytest.raises(ConfigError, match="cannot import"):
        registry.load(path)


def test_an_entry_point_that_is_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    class Entry:
        name = "odd"

        def load(self) -> object:
            return 3

    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry()])
    registry.tasks.cache_clear()
    with pytest.raises(ConfigError, match=r"'odd'.* is 3, not a Task"):
        registry.tasks()
    registry.tasks.cache_clear()
