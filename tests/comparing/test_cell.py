from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

from rsoup_lightning.comparing.run_cell import RunCell

COST: dict[str, Any] = {
    "init_steps": 0,
    "steps": 8,
    "unit": "steps",
    "init_seconds": 0.0,
    "seconds": 1.0,
    "evaluation_seconds": 1.0,
    "memory": None,
}


def test_a_result_is_of_one_box_and_its_rewards_alone() -> None:
    boxes = {"plane": {"east": (0.0, 10.0), "north": (0.0, 2.0)}, "plane_beside": {"watched": (0.0, 4.0)}}
    cell = RunCell("plane", "soup", 3, Mock(), boxes, Path("cell"))
    points = [{"watched": 1.0, "north": 1.0, "east": 5.0}, {"watched": 3.0, "north": 0.0, "east": 10.0}]
    found = cell.found("plane", points, **COST)
    assert (found.task, found.method, found.seed, found.steps) == ("plane", "soup", 3, 8)
    assert found.points == [{"east": 5.0, "north": 1.0}, {"east": 10.0, "north": 0.0}]
    assert found.hypervolume == 0.25  # half of one edge by half of the other
    assert cell.found("plane_beside", points, **COST).hypervolume == 0.75
