from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from rsoup_lightning.report.picture import write_picture
from tests.report.demo import demo_record


def test_a_column_more_for_the_spider_and_at_most_three(tmp_path: Path) -> None:
    sizes = []
    for rewards in (2, 3, 4):
        write_picture(tmp_path / "front.png", demo_record(rewards, steps=3))
        with Image.open(tmp_path / "front.png") as image:
            sizes.append(image.size)
            assert len(image.convert("RGB").getcolors(1 << 20)) > 50
    (one, low), (two, higher), (three, highest) = sizes
    assert one < two < three
    assert low < higher < highest
    assert three == pytest.approx(1.5 * two, rel=0.01)


def test_names_may_have_what_is_mathematics_elsewhere(tmp_path: Path) -> None:
    record = json.loads(json.dumps(demo_record(2, steps=3)).replace(demo_record(2)["rewards"][0], "$_$"))
    write_picture(tmp_path / "front.png", record)
    assert (tmp_path / "front.png").stat().st_size
