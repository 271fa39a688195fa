from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from rsoup_lightning.explorer.thumbnail import HEIGHT, WIDTH, thumbnail
from tests.report.demo import demo_record


@pytest.mark.parametrize("rewards", [1, 2, 3])
def test_every_point_is_in_the_picture(rewards: int) -> None:
    record = demo_record(rewards) if rewards > 1 else {**demo_record(2), "rewards": ["reward_a"]}
    drawn = ET.fromstring(thumbnail(record))
    circles = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in drawn.iter("circle")]
    soups = [point for point in record["points"] if point["kind"] == "soup"]
    assert len(circles) == len(soups)
    assert all(0 < x < WIDTH and 0 < y < HEIGHT for x, y in circles)
