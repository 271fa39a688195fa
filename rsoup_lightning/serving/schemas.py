"""The fields of OpenAI's requests that are offered, and those that are refused by name.

A null counts as a field that is left out. A field of OpenAI's that is not offered may have the value that changes
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from rsoup_lightning.errors import UnknownNameError
from rsoup_lightning.run.recipes.parsing import LARGEST_SEED
from rsoup_lightning.serving.bodies import parse_body
from rsoup_lightning.serving.errors import RequestError

Neutral = Mapping[str, tuple[Any, ...]]
Name = Annotated[str, Field(max_length=1000)]  # which the log repeats

PENALTIES: Neutral = {"frequency_penalty": (0, 0.0), "presence_penalty": (0, 0.0), "logit_bias": ({},)}


class Strict(BaseModel):
    """Takes no field that it does not know, and no value of another type.

    Attributes:
        neutral: fields of OpenAI's that are not offered, and the values that may be given nonetheless.
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False, frozen=True)
    neutral: ClassVar[Neutral] = {}

    @model_validator(mode="before")
    @classmethod
    def _only_what_is_offered(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        kept = {}
        for name, value in given.items():
            if name in cls.neutral:
                if value is not None and not any(_same(value, neutral) for neutral in cls.neutral[name]):
                    _blame(name, "is not offered here: leave it out")
            elif name not in cls.model_fields:
                _blame(name, str(UnknownNameError("field", name, cls.model_fields)))
            elif value is not None:
                kept[name] = value
        return kept


class StreamOptions(Strict):
    """Of an answer that is streamed."""

    neutral: ClassVar[Neutral] = {"include_obfuscation": (False,)}
    include_usage: bool = False


class SoupFields(Strict):
    """What requests of all modalities may give; None: the server's default.

    Attributes:
        model: its name, with λ or without.
        coefficients: λ, expert to weight.
        preference: μ instead, reward to weight.
        user: who asks, for the log.
    """

    model: Name | None = None
    coefficients: dict[str, float] | None = None
    preference: dict[str, float] | None = None
    user: Name | None = None
    safety_identifier: Name | None = None


class TextFields(SoupFields):
    """What both kinds of requests for text may give; None: as the experts were trained."""

    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    n: Annotated[int, Field(ge=1)] = 1
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None
    stop: Annotated[
        list[Annotated[str, Field(min_length=1)]],
        Field(max_length=16),
        BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
    ] = []

    @model_validator(mode="after")
    def _options_have_a_stream(self) -> TextFields:
        if self.stream_options is not None and not self.stream:
            _blame("stream_options", "is for a stream: set stream to true, too")
        return self


class CompletionRequest(TextFields):
    """Of ``/v1/completions``."""

    neutral: ClassVar[Neutral] = {
        **PENALTIES,
        "best_of": (1,),
        "echo": (False,),
        "suffix": ("",),
    }
    prompt: Annotated[Any, BeforeValidator(lambda given: _prompts(given))]
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None


class Message(Strict):
    """A turn of a conversation."""

    neutral: ClassVar[Neutral] = {
        "name": (),
        "refusal": (),
        "annotations": ([],),
        "audio": (),
        "tool_calls": ([],),
        "function_call": (),
    }
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[str, BeforeValidator(lambda given: _content(given))]

    @property
    def turn(self) -> dict[str, str]:
        """As chat templates read it, to which a developer is the system."""
        return {"role": "system" if self.role == "developer" else self.role, "content": self.content}


class ChatRequest(TextFields):
    """Of ``/v1/chat/completions``."""

    neutral: ClassVar[Neutral] = {
        **PENALTIES,
        "audio": (),
        "function_call": ("none", "auto"),
        "functions": ([],),
        "metadata": ({},),
        "modalities": (["text"],),
        "parallel_tool_calls": (True, False),
        "prediction": (),
        "prompt_cache_key": (),
        "reasoning_effort": ("none",),
        "response_format": ({"type": "text"},),
        "service_tier": ("auto", "default"),
        "store": (False,),
        "tool_choice": ("none", "auto"),
        "tools": ([],),
        "verbosity": (),
        "web_search_options": (),
    }
    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool = False
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    @model_validator(mode="after")
    def _fields_agree(self) -> ChatRequest:
        if self.top_logprobs is not None and not self.logprobs:
            _blame("top_logprobs", "needs logprobs: set it to true, too")
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            _blame("max_tokens", "is max_completion_tokens by its old name: give one of them")
        return self


Schema = TypeVar("Schema", bound=BaseModel)


def read_fields(schema: type[Schema], raw: bytes) -> Schema:
    """A body as a schema has it.

    Raises:
        RequestError: names the first field that is wrong.
    """
    body = parse_body(raw)
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        named = [fault["ctx"]["field"]] if fault["type"] == "field" else []
        path = _path([*fault["loc"], *named])
        said = re.sub(r"^(Value error, |\w+ (?=should ))| after validation, not \d+", "", fault["msg"])
        if fault["type"] == "missing":
            said = "is missing"
        elif fault["type"] not in ("field", "value_error"):
            said = f"{said}, not {fault['input']!r:.60}"
        message = said if said.startswith("unknown ") else f"{path} {said}"
        raise RequestError(message, path) from error


def _path(places: list[str | int]) -> str:
    return "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place in places).removeprefix(".")


def _blame(field: str, said: str) -> NoReturn:
    """Refuse a field of the object that is looked at."""
    raise PydanticCustomError("field", "{said}", {"said": said, "field": field})


def _same(value: Any, neutral: Any) -> bool:
    return type(value) is type(neutral) and value == neutral  # True is no 1 here


def _prompts(given: Any) -> list[str] | list[list[int]]:
    listed = [given] if isinstance(given, str) or _is_tokens(given) else given
    if not isinstance(listed, list) or not listed:
        raise ValueError("must be a text, a list of texts, a list of tokens or a list of such lists")
    if not all(isinstance(prompt, str) for prompt in listed) and not all(map(_is_tokens, listed)):
        raise ValueError("must hold texts only, or lists of tokens only, which are whole numbers")
    return listed


def _is_tokens(given: Any) -> bool:
    return isinstance(given, list) and bool(given) and all(type(token) is int and token >= 0 for token in given)


def _content(given: Any) -> Any:
    """The text of a message, which may come in parts."""
    if not isinstance(given, list):
        return given
    if not all(isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text" for part in given):
        raise ValueError('may have parts of text only, such as {"type": "text", "text": "..."}')
    if not all(isinstance(part["text"], str) for part in given):
        raise ValueError("has a part whose text is no text")
    return "".join(part["text"] for part in given)
