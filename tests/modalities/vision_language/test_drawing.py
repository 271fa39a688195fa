from __future__ import annotations

from PIL import Image

from rsoup_lightning.modalities.vision_language.drawing import with_boxes

GREEN, RED, GREY = (44, 160, 44), (214, 39, 40), (128, 128, 128)


def colours(picture: Image.Image) -> set[object]:
    return {colour for _, colour in picture.getcolors() or ()}


def test_boxes_are_drawn_where_they_are() -> None:
    picture = Image.new("RGB", (64, 32), GREY)
    drawn = with_boxes(picture, (0.25, 0.25, 0.5, 1.0), (0.75, 0.0, 1.0, 0.5))
    assert drawn.size == (192, 96)
    assert drawn.getpixel((48, 60)) == drawn.getpixel((96, 60)) == drawn.getpixel((70, 95)) == GREEN
    assert drawn.getpixel((144, 20)) == drawn.getpixel((191, 20)) == drawn.getpixel((160, 0)) == RED
    assert drawn.getpixel((70, 60)) == drawn.getpixel((20, 50)) == GREY
    assert colours(picture) == {GREY}


def test_an_answer_that_is_no_box_leaves_the_wanted_one() -> None:
    drawn = with_boxes(Image.new("RGB", (200, 300), GREY), (0.1, 0.1, 0.9, 0.9), None)
    assert drawn.size == (200, 300)
    assert colours(drawn) == {GREY, GREEN}
