"""The fields of requests to policies that act, draw or describe."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Annotated, Any, ClassVar, Literal

from PIL import Image, UnidentifiedImageError
from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from rsoup_lightning.modalities.pictures import in_rgb
from rsoup_lightning.run.recipes.parsing import LARGEST_SEED
from rsoup_lightning.serving.schemas import PENALTIES, ChatRequest, Neutral, SoupFields, Strict

PIXELS = 1 << 24
"""The most of a picture: a small file can unfold into very many."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


class ActRequest(SoupFields):
    """Of ``/v1/act``.

    Attributes:
        observations: ``[B, ...]``, as the environment gives them.
        coefficients: λ of all rows, or one for each.
    """

    observations: Annotated[list[Any], Field(min_length=1)]
    coefficients: Annotated[Any, BeforeValidator(lambda given: _lambdas(given))] = None


class DrawRequest(SoupFields):
    """Of ``/v1/images/generations``; picture k of n is that of seed + k alone."""

    neutral: ClassVar[Neutral] = {
        "background": ("auto",),
        "moderation": ("auto", "low"),
        "output_compression": (100,),
        "output_format": ("png",),
        "partial_images": (0,),
        "quality": ("auto", "standard"),
        "response_format": ("b64_json",),
        "size": ("auto",),
        "stream": (False,),
        "style": (),
    }
    prompt: Annotated[str, Field(min_length=1)]
    n: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None


class PictureMessage(Strict):
    """What a user asks of a picture: the picture, and a question, which may be empty."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    neutral: ClassVar[Neutral] = {"name": ()}
    role: Literal["user"]
    content: Annotated[
        tuple[Image.Image, str],
        BeforeValidator(lambda given: _asked(given)),
        WithJsonSchema({"type": "array", "description": "a part image_url, whose url is a data URI, and a part text"}),
    ]


class DescribeRequest(SoupFields):
    """Of ``/v1/chat/completions``, where the policy describes pictures by a search without chance."""

    neutral: ClassVar[Neutral] = {
        **PENALTIES,
        **ChatRequest.neutral,
        "max_completion_tokens": (),
        "max_tokens": (),
        "n": (1,),
        "logprobs": (False,),
        "seed": (),
        "stop": ([],),
        "stream_options": (),
        "temperature": (0, 0.0),
        "top_logprobs": (),
        "top_p": (1, 1.0),
    }
    messages: Annotated[list[PictureMessage], Field(min_length=1, max_length=1)]
    stream: bool = False


def _lambdas(given: Any) -> dict[str, float] | list[dict[str, float]]:
    """One λ, or a list of them."""
    for point in given if isinstance(given, list) else [given]:
        if not isinstance(point, dict) or not all(type(weight) in (int, float) for weight in point.values()):
            raise ValueError("must be λ, a weight for each expert, or a list with such a λ for each row")
    return given  # type: ignore[no-any-return]


def _asked(given: Any) -> tuple[Image.Image, str]:
    """A picture and the text beside it, in the parts of a message."""
    form = 'a picture {"type": "image_url", "image_url": {"url": "data:image/png;base64,..."}} and a text'
    if not isinstance(given, list) or not all(isinstance(part, dict) for part in given):
        raise ValueError(f"must be a list of parts: {form}")
    pictures = [part for part in given if part.get("type") == "image_url"]
    texts = [part for part in given if part.get("type") == "text"]
    known = all(part.keys() == {"type", part.get("type")} for part in given)
    if len(pictures) != 1 or len(texts) > 1 or len(pictures) + len(texts) != len(given) or not known:
        raise ValueError(f"must have one picture and one text at most: {form}")
    question = texts[0]["text"] if texts else ""
    place = pictures[0]["image_url"]
    if not isinstance(question, str) or not isinstance(place, dict) or not isinstance(place.get("url"), str):
        raise ValueError(f"has a part of the wrong form: {form}")
    if place.keys() - {"url", "detail"} or place.get("detail", "auto") != "auto":
        raise ValueError("has an image_url with more than a url: leave out the rest")
    return _picture(place["url"]), question


def _picture(url: str) -> Image.Image:
    head, comma, data = url.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64") and comma):
        raise ValueError("has a picture that is no data URI: nothing is fetched, so send data:image/png;base64,...")
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)), formats=FORMATS)
        if picture.width * picture.height > PIXELS:
            raise ValueError(f"has a picture of {picture.width} × {picture.height} pixels: {PIXELS} at most")
        return in_rgb(picture)
    except binascii.Error as error:
        raise ValueError(f"has a picture that is not base64: {error}") from error
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise ValueError(f"has a picture that cannot be read as one of {', '.join(FORMATS)}") from error
