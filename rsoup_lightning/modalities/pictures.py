"""Pictures for people to look at: small, and as files."""

from __future__ import annotations

import io

from PIL.Image import Image

LARGEST = 256  # pixels


def shrunk(picture: Image) -> Image:
    """A copy of a picture that is no longer than 256 pixels either way."""
    copy = picture.copy()
    copy.thumbnail((LARGEST, LARGEST))
    return copy


def encoded(picture: Image) -> bytes:
    """A picture as WebP, without loss where it is small."""
    stream = io.BytesIO()
    picture.save(stream, "WEBP", lossless=max(picture.size) <= 128)
    return stream.getvalue()
