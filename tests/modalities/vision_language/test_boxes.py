from __future__ import annotations

import random

import pytest
import torch
from torchvision.ops import box_iou

from rsoup_lightning.modalities.data import Box
from rsoup_lightning.modalities.vision_language.boxes import area, box_text, iou, read_box, size_of, with_room


def boxes(count: int, seed: int = 0) -> list[Box]:
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        (left, right), (top, bottom) = sorted((rng.random(), rng.random())), sorted((rng.random(), rng.random()))
        found.append((left, top, right, bottom))
    return found


def test_iou_is_torchvisions() -> None:
    ours, theirs = boxes(200), boxes(200, seed=1)
    expected = box_iou(torch.tensor(ours, dtype=torch.float64), torch.tensor(theirs, dtype=torch.float64))
    measured = torch.tensor([[iou(a, b) for b in theirs] for a in ours], dtype=torch.float64)
    torch.testing.assert_close(measured, expected)
    assert 0 < (expected == 0).sum() < expected.numel()


def test_iou_at_its_ends() -> None:
    (box,) = boxes(1)
    assert iou(box, box) == 1
    assert iou((0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)) == 0
    assert iou((0.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 0.5)) == 0


def test_room_is_left_on_all_sides_as_far_as_the_picture_goes() -> None:
    for box in boxes(100):
        assert with_room(box, 0, 0, 0, 0) == pytest.approx(box)
        left, top, right, bottom = with_room(box, 0.1, 0.2, 0.3, 0.4)
        width, height = box[2] - box[0], box[3] - box[1]
        assert (left, top) == pytest.approx((max(box[0] - 0.1 * width, 0), max(box[1] - 0.2 * height, 0)))
        assert (right, bottom) == pytest.approx((min(box[2] + 0.3 * width, 1), min(box[3] + 0.4 * height, 1)))
        assert with_room(box, 1e9, 1e9, 1e9, 1e9) == (0, 0, 1, 1)


@pytest.mark.parametrize("bins", [2, 10, 32, 1000])
def test_what_is_written_is_read_to_half_a_strip(bins: int) -> None:
    for box in [*boxes(100), (0.0, 0.0, 1.0, 1.0)]:
        read = read_box(box_text(box, bins), bins)
        assert read is not None
        assert max(abs(a - b) for a, b in zip(box, read, strict=True)) <= 0.5 / bins + 1e-12
        assert box_text(read, bins) == box_text(box, bins)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1 2 3", "1 2 3 4 5", "1 2 3 4.0", "1 2 3 -4", "one 2 3 4", "1,2,3,4", "1 2 3 ٤", "1 2 3 " + "9" * 5000),
        *("0 0 32 31", "5 0 4 31", "0 5 31 4"),
    ],
)
def test_what_is_no_box(text: str) -> None:
    assert read_box(text, 32) is None


def test_space_around_is_allowed() -> None:
    assert read_box("  0  0\n 31 31 ", 32) == read_box("0 0 31 31", 32)


def test_sizes_by_the_share_of_the_picture() -> None:
    box = (0.25, 0.25, 0.5, 0.75)
    assert area(box) == 0.125
    assert size_of(box) == "medium"
    assert size_of(box, medium=0.13) == "small"
    assert size_of(box, medium=0.125, large=0.2) == "medium"
    assert size_of(box, large=0.125) == "large"
