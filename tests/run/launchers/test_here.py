from __future__ import annotations

import pytest

from rsoup_lightning.errors import RewardError
from rsoup_lightning.run.launchers.here import Here
from rsoup_lightning.run.launchers.launcher import Ended


def test_one_after_another_in_the_order_of_the_run() -> None:
    done: list[str] = []
    launcher = Here(done.append, ["a", "b"])
    for stage in ("b", "a"):
        launcher.submit(stage)
    assert done == []
    assert [launcher.wait(), launcher.wait()] == [Ended("a"), Ended("b")] and done == ["a", "b"]


def test_an_error_ends_the_run() -> None:
    def fail(stage: str) -> None:
        raise RewardError(f"{stage} is NaN")

    launcher = Here(fail, ["a"])
    launcher.submit("a")
    with pytest.raises(RewardError, match="a is NaN"):
        launcher.wait()
