"""Policies that act, draw or describe, asked over HTTP: every row as the soup plays it from Python."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
from PIL import Image
from starlette.testclient import TestClient

from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.serving.call_engine import CallEngine
from rsoup_lightning.serving.points import Points
from tests.modalities.diffusion import test_playing as drawing
from tests.modalities.test_running_calls import acting
from tests.modalities.vision_language import test_playing as describing
from tests.serving.listening import serving_app
from tests.serving.parrot import app_of

POINT = {"first": 0.25, "second": 0.75}
SEEN = np.random.default_rng(0).normal(size=(3, 17)).tolist()


def served(soup: Soup, **limits: int) -> Iterator[TestClient]:
    with CallEngine(soup, **limits) as engine:
        yield TestClient(app_of(engine, points=Points("tuned", soup)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def control() -> Iterator[TestClient]:
    yield from served(acting(), max_rows=8)


@pytest.fixture(scope="module")
def denoiser() -> Iterator[TestClient]:
    yield from served(drawing.soup(drawing.lora))


@pytest.fixture(scope="module")
def captioner() -> Iterator[TestClient]:
    yield from served(describing.soup(False)[0])


def error(answer: Any, status: int = 400) -> tuple[str, str]:
    assert answer.status_code == status, answer.text
    told = answer.json()["error"]
    return told["param"], told["message"]


def uri(picture: Image.Image, kind: str = "PNG") -> str:
    stream = io.BytesIO()
    picture.save(stream, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def test_actions_at_one_lambda_and_at_one_for_each(control: TestClient) -> None:
    body = control.post("/v1/act", json={"observations": SEEN, "coefficients": POINT}).json()
    assert body["actions"] == acting().at(POINT).act(SEEN).tolist()
    assert body["rsoup"] == {"coefficients": POINT} and body["object"] == "actions"
    points = [{"first": 1.0}, POINT, {"second": 1.0}]
    body = control.post("/v1/act", json={"observations": SEEN, "coefficients": points}).json()
    assert body["actions"] == acting().at(points).act(SEEN).tolist()
    assert [point["second"] for point in body["rsoup"]["coefficients"]] == [0.0, 0.75, 1.0]
    named = control.post("/v1/act", json={"observations": SEEN, "model": "tuned@0.25,0.75"}).json()
    assert named["actions"] == acting().at(POINT).act(SEEN).tolist()


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"observations": SEEN[0]}, "observations", "must be a list of them, one for each row"),
        ({"observations": [row[:16] for row in SEEN]}, "observations", r"of shape \(17,\)"),
        ({"observations": [*SEEN, [1.0]]}, "observations", "these are not alike"),
        ({"observations": [["a"] * 17]}, "observations", "must be finite and of shape"),
        ({"observations": SEEN * 3}, "observations", "9 rows"),
        ({"observations": []}, "observations", "at least 1"),
        ({"observations": SEEN, "coefficients": [POINT]}, "coefficients", "1 λ for 3 observations"),
        (
            {"observations": SEEN, "coefficients": [POINT, {"frist": 1.0}, POINT]},
            "coefficients",
            "did you mean 'first'",
        ),
        ({"observation": SEEN}, "observation", "did you mean 'observations'"),
    ],
)
def test_observations_that_are_refused(control: TestClient, fields: dict[str, Any], field: str, reason: str) -> None:
    param, message = error(control.post("/v1/act", json={"coefficients": POINT, **fields}))
    assert param == field and re.search(reason, message), message


def test_pictures(denoiser: TestClient) -> None:
    prompt = drawing.PROMPTS[0]
    body = denoiser.post("/v1/images/generations", json={"prompt": prompt, "n": 2, "seed": 5, "coefficients": POINT})
    data, record = body.json()["data"], body.json()["rsoup"]
    assert record == {"coefficients": POINT, "seed": 5}
    alone = drawing.soup(drawing.lora).at(POINT).draw([prompt] * 2, seed=[5, 6])
    for given, wanted in zip(data, alone, strict=True):
        picture = Image.open(io.BytesIO(base64.b64decode(given["b64_json"])))
        assert np.abs(np.asarray(picture, int) - np.asarray(wanted, int)).max() <= 1
    assert error(denoiser.post("/v1/images/generations", json={"prompt": prompt, "n": 99}))[0] == "n"
    assert error(denoiser.post("/v1/images/generations", json={"prompt": prompt, "size": "64x64"}))[0] == "size"
    assert error(denoiser.post("/v1/images/generations", json={"prompt": ""}))[0] == "prompt"
    long = denoiser.post("/v1/images/generations", json={"prompt": "a red square " * 40, "coefficients": POINT})
    assert error(long)[0] == "prompt" and "the text encoder reads" in error(long)[1]


def test_pictures_by_the_official_client() -> None:
    soup = drawing.soup(drawing.lora)
    with CallEngine(soup) as engine, serving_app(app_of(engine, points=Points("tuned", soup))) as server:  # type: ignore[arg-type]
        client = openai.OpenAI(base_url=server.url, api_key="none")
        made = client.images.generate(model="tuned@first=1", prompt=drawing.PROMPTS[0], extra_body={"seed": 3})
        assert made.data and made.data[0].b64_json


def asked(picture: str, question: str | None = None, **more: Any) -> dict[str, Any]:
    parts: list[Any] = [{"type": "image_url", "image_url": {"url": picture}}]
    parts += [] if question is None else [{"type": "text", "text": question}]
    return {"messages": [{"role": "user", "content": parts}], "coefficients": POINT, **more}


def test_a_question_on_a_picture(captioner: TestClient) -> None:
    soup, _ = describing.soup(False)
    picture, question = describing.PICTURES[0], describing.QUESTIONS[0]
    for given, wanted in ((question, [question]), (None, None)):
        answer = captioner.post("/v1/chat/completions", json=asked(uri(picture), given)).json()
        (choice,) = answer["choices"]
        assert choice["message"]["content"] == soup.at(POINT).describe([picture.convert("RGB")], wanted)[0]
        assert choice["finish_reason"] == "stop" and answer["rsoup"] == {"coefficients": POINT}
    streamed = captioner.post("/v1/chat/completions", json=asked(uri(picture), stream=True)).text
    assert choice["message"]["content"] in streamed and streamed.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        (asked("https://example.org/cat.png"), "messages[0].content", "nothing is fetched"),
        (asked("data:image/png;base64,!!!"), "messages[0].content", "is not base64"),
        (asked("data:image/png;base64,aGVsbG8="), "messages[0].content", "cannot be read as one of PNG"),
        (asked(uri(Image.new("1", (5000, 4000)))), "messages[0].content", "5000 × 4000 pixels"),
        (asked(uri(Image.new("RGB", (8, 8))), "what " * 400), "messages", "leaves no room"),
        ({"messages": [{"role": "user", "content": "hello"}]}, "messages[0].content", "must be a list of parts"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "must have one picture"),
        ({"messages": []}, "messages", "at least 1"),
        (asked(uri(Image.new("RGB", (8, 8))), temperature=0.7), "temperature", "is not offered here"),
    ],
)
def test_pictures_that_are_refused(captioner: TestClient, fields: dict[str, Any], field: str, reason: str) -> None:
    param, message = error(captioner.post("/v1/chat/completions", json=fields))
    assert param == field and reason in message, message


def test_a_path_of_another_modality(control: TestClient) -> None:
    assert error(control.post("/v1/completions", json={}), 404)[0] == "path"
