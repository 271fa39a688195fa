"""``rsoup serve`` as a user runs it: a tiny model with two adapters, asked with curl and with OpenAI's own client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient

from rsoup_lightning import Soup, load
from rsoup_lightning.__main__ import main
from rsoup_lightning.commands.serve import _engine
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving.server import Server
from tests.merging.test_policy_weights import adapter
from tests.modalities.language.test_fine_tuner import recipe
from tests.modalities.language.tiny import saved
from tests.modalities.test_running_calls import acting
from tests.running import rsoup, serving
from tests.serving.listening import serving_app
from tests.serving.vllm.stand_in_vllm import StandIn


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A base and two adapters."""
    folder = tmp_path_factory.mktemp("served")
    places = {"kind": adapter(folder / "kind", 1), "brief": adapter(folder / "brief", 2)}
    return {"base": saved(folder / "tiny"), **{name: str(place) for name, place in places.items()}}


@pytest.fixture(scope="module")
def options(files: dict[str, str]) -> list[str]:
    experts = [f"{name}={files[name]}" for name in ("kind", "brief")]
    return ["--base", files["base"], "--experts", *experts, "--precision", "float32", "--max_new_tokens", "6"]


@pytest.fixture(scope="module")
def address(options: list[str]) -> Iterator[str]:
    with serving(*options) as (_, address):
        yield address


@pytest.fixture(scope="module")
def soup(files: dict[str, str]) -> Soup:
    adapters = {name: files[name] for name in ("kind", "brief")}
    return Soup.from_adapters(files["base"], adapters, precision="float32", max_new_tokens=6)


def curl(address: str, path: str, body: Any, *options: str) -> str:
    """What curl prints."""
    command = ["curl", "--silent", "--no-buffer", f"{address}{path}", *options]
    command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("point", [{"kind": 1.0}, {"kind": 0.3, "brief": 0.7}])
def test_the_client_of_openai_gets_the_soups_answer(address: str, soup: Soup, point: dict[str, float]) -> None:
    client = openai.OpenAI(base_url=address, api_key="none")
    (wanted,) = soup.at(point).generate(["the cat"], greedy=True)
    named = f"tiny@{','.join(f'{name}={weight}' for name, weight in point.items())}"
    turn: Any = {"role": "user", "content": "the cat"}
    asked: Any = {"messages": [turn], "temperature": 0}
    whole = client.chat.completions.create(model="tiny", extra_body={"coefficients": point}, **asked)
    assert whole.choices[0].message.content == wanted and whole.usage is not None
    assert whole.usage.total_tokens == 7 + whole.usage.completion_tokens
    assert whole.model_extra is not None
    assert whole.model_extra["rsoup"]["coefficients"] == {"kind": 0.0, "brief": 0.0, **point}
    chunks = list(client.chat.completions.create(model=named, stream=True, **asked))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == wanted
    assert chunks[-1].model_extra is not None and chunks[-1].model_extra["rsoup"] == {
        **whole.model_extra["rsoup"],
        "seed": chunks[-1].model_extra["rsoup"]["seed"],
    }
    written = client.completions.create(model=named, prompt="the cat", temperature=0, logprobs=2)
    assert written.choices[0].text == wanted and written.choices[0].logprobs is not None
    pieces = list(client.completions.create(model=named, prompt="the cat", temperature=0, stream=True, logprobs=2))
    assert "".join(piece.choices[0].text for piece in pieces) == wanted
    sampled = [client.completions.create(model=named, prompt="a dog", seed=3).choices[0].text for _ in range(2)]
    assert sampled[0] == sampled[1] == soup.at(point).generate(["a dog"], seed=3)[0]


def test_the_client_of_openai_is_told_what_is_wrong(address: str) -> None:
    client = openai.OpenAI(base_url=address, api_key="none", max_retries=0)
    assert [model.id for model in client.models.list()] == ["tiny", "tiny@kind=1", "tiny@brief=1"]
    assert client.models.retrieve("tiny@0.5,0.5").id == "tiny@0.5,0.5"
    asked: Any = {"prompt": "the cat"}
    with pytest.raises(openai.BadRequestError, match="give coefficients such as") as wrong:
        client.completions.create(model="tiny", **asked)
    assert wrong.value.param == "coefficients"
    with pytest.raises(openai.BadRequestError, match="did you mean 'top_p'"):
        client.completions.create(model="tiny", extra_body={"topp": 1}, **asked)
    with pytest.raises(openai.BadRequestError, match="best_of is not offered here"):
        client.completions.create(model="tiny@0,1", best_of=3, **asked)
    with pytest.raises(openai.NotFoundError, match="the model here is 'tiny'"):
        client.completions.create(model="gpt", **asked)
    with pytest.raises(openai.BadRequestError, match="token") as long:
        client.completions.create(model="tiny@0,1", prompt="x" * 200)
    assert long.value.param == "prompt"


def test_curl(address: str, soup: Soup) -> None:
    body = {"prompt": "the cat", "coefficients": {"kind": 0.5, "brief": 0.5}, "temperature": 0}
    (wanted,) = soup.at(kind=0.5, brief=0.5).generate(["the cat"], greedy=True)
    assert json.loads(curl(address, "/completions", body))["choices"][0]["text"] == wanted
    streamed = curl(address, "/completions", {**body, "stream": True}).split("\n\n")
    assert streamed[-2:] == ["data: [DONE]", ""]
    assert "".join(json.loads(line[6:])["choices"][0]["text"] for line in streamed[:-2]) == wanted
    status = curl(address, "/completions", {**body, "prompt": ""}, "-o", os.devnull, "-w", "%{http_code}")
    assert status == "400"


def test_a_key_a_default_and_a_graceful_end(options: list[str]) -> None:
    """The key from the environment; a signal while an answer is streamed, which is whole nonetheless."""
    variables = {"RSOUP_API_KEY": "secret"}
    longer = ["--coefficients", "{kind: 0.3, brief: 0.7}", "--name", "mine", "--max_new_tokens", "400"]
    with serving(*options, *longer, **variables) as (process, address):
        with pytest.raises(openai.AuthenticationError, match="wrong API key"):
            openai.OpenAI(base_url=address, api_key="guess").models.list()
        client = openai.OpenAI(base_url=address, api_key="secret")
        stream = client.completions.create(model="mine", prompt="a", stream=True, temperature=0)
        first = next(stream)
        process.send_signal(signal.SIGTERM)
        *_, last = stream
        assert (first.choices[0].finish_reason, last.choices[0].finish_reason) == (None, "length")
        assert last.model_extra is not None
        assert last.model_extra["rsoup"]["coefficients"] == {"kind": 0.3, "brief": 0.7}
        out, err = process.communicate(timeout=20)
        assert process.wait() == 0 and out == ""
        loading, *lines = err.splitlines()
        assert loading == "loading mine ..." and "Traceback" not in err and "secret" not in err
        refused, stopping, answered = map(json.loads, lines)
        assert (refused["status"], answered["status"]) == (401, 200)
        assert stopping["message"] == "stopping; requests to answer first: 1; another signal breaks them off"


def test_a_run_and_its_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its experts play, and its front says which λ a preference is, the server's or a request's."""
    recipe(tmp_path, saved(tmp_path / "tiny"), epochs=1)
    rsoup("soup", "-c", "tiny.yaml", "--run_dir", "mine", cwd=tmp_path)
    answers = []

    def run(server: Server, sockets: Any) -> None:
        client = TestClient(server.config.app, "http://localhost")
        asked: Any = {"model": "mine", "prompt": "the cat", "seed": 1}
        for more in ({}, {"preference": {"early": 1}}, {"coefficients": {"late": 1}}):
            answers.append(client.post("/v1/completions", json={**asked, **more}).json())

    monkeypatch.setattr(Server, "run", run)
    preference = {"early": 0.5, "late": 0.5}
    assert main(["serve", str(tmp_path / "mine"), "--preference", str(preference), "--port", "0"]) == 0
    made = load(tmp_path / "mine")
    assert made.front is not None
    for answer, mu in zip(answers, (preference, {"early": 1.0, "late": 0.0}, None), strict=True):
        said = answer["rsoup"]
        if mu is not None:
            assert said["preference"] == mu and said["expected"]["reason"] == made.front.pick(mu).reason
            assert said["coefficients"] == made.front.pick(mu).coefficients
        (wanted,) = made.at(said["coefficients"]).generate(["the cat"], seed=1)
        assert answer["choices"][0]["text"] == wanted


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give the folder of a run, or --base MODEL and --experts kind=LORA1 brief=LORA2"),
        (["--base", "m"], "--experts kind=LORA1"),
        (["absent"], "absent is not a run"),
        (["absent", "--base", "m"], "--base is for adapters that no run has made"),
        (["absent", "--template", "{prompt}"], "--template is for adapters"),
        (["--base", "m", "--experts", "kind"], "--experts kind: write it as NAME=FOLDER"),
        (["--base", "m", "--experts", "a=b", "a=c"], "names a twice"),
        (["--base", "m", "--experts", "a=b", "--seed", "1"], "--seed says whose experts"),
        (["absent", "--host", "0.0.0.0"], "other machines can reach 0.0.0.0: set RSOUP_API_KEY"),
        (["absent", "--no_auth", "--api_key", "x"], "contradict each other"),
        (["absent", "--api_key", "x", "--allowed_hosts", "a"], "--allowed_hosts is for a server without a key"),
        (["absent", "--max_connections", "0"], "max_connections is 0: it must be at least 1"),
        (["absent", "--engine", "vllm"], "--engine vllm needs --url, where vLLM listens"),
        (["absent", "--url", "http://127.0.0.1:1"], "say --engine vllm, too"),
        (["--engine", "vllm", "--url", "http://127.0.0.1:1"], "no vLLM answers at http://127.0.0.1:1"),
        (["absent", "--engine", "vllm", "--url", "http://127.0.0.1:1"], "absent is not a run"),
        (["absent", "--engine", "vllm", "--max_rows", "2"], "--max_rows is for our own engine"),
        (["absent", "--engine", "other"], "other"),
        (["absent", "--port", "70000"], "port 70000: it must be from 0 to 65535"),
        (["absent", "--timeout", "0"], "timeout is 0.0: it must be positive"),
        (["absent", "--max_queue", "8"], "max_choices is 16, and the queue holds 8: raise --max_queue"),
        (["absent", "--coefficients", "{a: x}"], "expected float, got x"),
        (["absent", "--prt", "1"], "prt"),
    ],
)
def test_what_cannot_be_served(
    arguments: list[str],
    reason: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RSOUP_API_KEY", raising=False)
    port = [] if "--port" in arguments else ["--port", "0"]
    assert main(["serve", *arguments, *port]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert line.startswith("rsoup: ") and reason in line


def test_what_bounds_texts_is_refused_of_policies_that_write_none() -> None:
    for option in ("max_prompt_tokens", "slice_tokens"):
        with pytest.raises(ConfigError, match=f"--{option} is for language models"):
            _engine(acting(), {option: 2})


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve", "run"]) == 2
    assert "pip install 'rsoup_lightning[serve]'" in capsys.readouterr().err


def test_a_gateway_to_vllm() -> None:
    stand_in = StandIn(key="secret")
    with (
        serving_app(stand_in.app()) as vllm,
        serving("--engine", "vllm", "--url", vllm.url, "--coefficients", "{kind: 1}", VLLM_API_KEY="secret") as (
            _,
            address,
        ),
    ):
        client = openai.OpenAI(base_url=address, api_key="none")
        answer = client.completions.create(model="tuned", prompt="the cat")
        assert answer.choices[0].text == "tac eht" and answer.model_extra is not None
        assert answer.model_extra["rsoup"]["coefficients"] == {"kind": 1.0, "brief": 0.0}
        assert [asked["model"] for asked in stand_in.asked] == ["tuned@1,0"]
