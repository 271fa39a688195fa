"""The plug-in in a real vLLM, and a gateway before it; what ``make test-vllm`` runs.

    python -m tests.serving.vllm.against_vllm PYTHON

They play a tiny Llama with two LoRA experts, made on the spot. PYTHON is that of an environment with vLLM and this
library. The exit status is 0 if every answer is that of the merged model, 1 if one is not, and 77 if vLLM does not run
on this machine.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import openai
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

from rsoup_lightning.merging.on_disk import merge
from rsoup_lightning.modalities.language import LanguagePolicy, TextEnvironment, VLLMSampler
from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.lora import LoRA
from rsoup_lightning.serving.model_names import model_name
from rsoup_lightning.serving.vllm.soup_adapters import LATTICE
from rsoup_lightning.simplex import simplex
from tests.modalities.language import tiny
from tests.running import serving

POINTS = [(0.0, 1.0), (0.3, 0.7), (0.55, 0.45), (1.0, 0.0)]
PROMPT, LENGTH = "the cat", 100
RANKS = {"kind": 4, "brief": 8}
CANNOT_RUN = 77
TRIES = 5
KEEP = 6
"""Adapters that vLLM is to hold, of which four take part in a step."""
PATIENCE = 300
"""Seconds that vLLM may take to start."""


class StartError(Exception):
    """vLLM ended before it served anything; the last lines of its log."""


def make(folder: Path) -> dict[str, str]:
    """A base model in ``base``, and the experts' folders by name; its heads are the smallest that vLLM has for CPUs."""
    base = tiny.saved(folder / "base", tiny.llama(head_dim=32))
    for seed, (name, rank) in enumerate(RANKS.items()):
        torch.manual_seed(seed)
        lora = LoraConfig(r=rank, lora_alpha=16, target_modules="all-linear", init_lora_weights=False)
        get_peft_model(LlamaForCausalLM.from_pretrained(base), lora).save_pretrained(folder / name)
    return {name: str(folder / name) for name in RANKS}


def merged_tokens(base: Path, experts: dict[str, str], coefficients: tuple[float, ...], folder: Path) -> list[int]:
    """What transformers continues the prompt with, on weights merged by us; end tokens end nothing."""
    merge(list(experts.values()), folder, coefficients, lora="dense", base=str(base))
    model = LlamaForCausalLM.from_pretrained(folder).eval()
    tokens = torch.tensor([tiny.tokenizer()(PROMPT)["input_ids"]])
    with torch.no_grad():
        for _ in range(LENGTH):
            tokens = torch.cat([tokens, model(tokens).logits[:, -1:].argmax(-1)], dim=1)
    return tokens[0, -LENGTH:].tolist()


@contextmanager
def vllm(python: str, base: Path, experts: dict[str, str], *options: str) -> Iterator[str]:
    """A server that plays the soup ``mine``; its URL.

    Raises:
        StartError: it does not start.
    """
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(base), "--served-model-name", "base"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32", "--enforce-eager"]
    command += ["--max-model-len", "128", "--max-num-seqs", "8", "--enable-lora", "--max-loras", "4", *options]
    variables = {
        "RSOUP_SOUPS": json.dumps({"mine": experts}),
        "RSOUP_CACHE": str(base.parent / "cache"),
        "RSOUP_KEEP": str(KEEP),
        "VLLM_PLUGINS": "rsoup",
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    log = base.parent / "vllm.log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            command, stdout=stream, stderr=stream, env={**os.environ, **variables}, start_new_session=True
        )
    try:
        url = f"http://127.0.0.1:{port}/v1"
        _await(f"http://127.0.0.1:{port}/health", server, log)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # workers that it has left behind


def _await(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=5).close()
            return
        except URLError:
            if server.poll() is not None or time.monotonic() > end:
                raise StartError("\n".join(_errors(log))) from None
            time.sleep(1)


def _errors(log: Path) -> list[str]:
    """The lines of the log that name an exception, or else its last ones."""
    lines = log.read_text(errors="replace").splitlines()
    return [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)][-3:] or lines[-3:]


def completion(url: str, **fields: Any) -> dict[str, Any]:
    """The answer to a request for a completion, or its error."""
    body = {"prompt": PROMPT, "max_tokens": LENGTH, "temperature": 0, "ignore_eos": True, **fields}
    request = Request(f"{url}/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urlopen(request, timeout=120) as response:
            return json.load(response)
    except HTTPError as error:
        return {"status": error.code, **json.load(error)}


def steps(url: str) -> int:
    """How often the engine has run its model, by its own count."""
    text = urlopen(f"{url.removesuffix('/v1')}/metrics", timeout=10).read().decode()
    return int(sum(map(float, re.findall(r"^vllm:iteration_tokens_total_count\S* (\S+)", text, re.M))))


def check_many_at_once(url: str, expected: dict[str, list[int]]) -> None:
    """Every λ of ``expected`` at once, in one batch, and then one that has been rounded to it."""
    completion(url, model="base")  # the first request of all is slow
    names = list(expected)
    for name in names:
        completion(url, model=name, max_tokens=1)  # so that none waits for its adapter
    for _ in range(TRIES):  # where the machine is busy, one may be done before the next arrives
        before = steps(url)
        with ThreadPoolExecutor(len(names)) as pool:
            answers = list(pool.map(lambda name: completion(url, model=name, return_token_ids=True), names))
        taken = steps(url) - before
        for name, answer in zip(names, answers, strict=True):
            assert answer["choices"][0]["token_ids"] == expected[name], f"{name} is not the merged model: {answer}"
        if taken * (len(names) - 1) < len(names) * LENGTH:  # so in some step all of them took part
            print(f"{len(names)} λ at once: the merged models' tokens, {len(names) * LENGTH} in {taken} steps")
            return
    raise AssertionError(f"{len(names)} answers of {LENGTH} tokens took {taken} steps: never all in one batch")


def check_names(url: str, expected: dict[str, list[int]]) -> None:
    """Other names of one λ, and names that are wrong."""
    for name in ("mine@kind=0.3,brief=0.7", "mine@0.31,0.69"):
        answer = completion(url, model=name, return_token_ids=True)
        assert answer["choices"][0]["token_ids"] == expected["mine@0.3,0.7"], f"{name}: {answer}"
    for name, status, said in (
        ("mine@0.3,0.3", 400, "must sum to 1"),
        ("mine@kin=1", 400, "did you mean 'kind'"),
        ("other@1,0", 404, "does not exist"),
    ):
        answer = completion(url, model=name)
        assert answer.get("status") == status and said in answer["error"]["message"], f"{name}: {answer}"
    print("other names of one λ play it, and wrong ones are refused")


def check_gateway(url: str, cache: Path, expected: dict[str, list[int]]) -> None:
    """All λ of the lattice in turn, of which vLLM keeps few; then those of ``expected`` at once, and a stream."""
    lattice = simplex(2, LATTICE + 1)
    with serving("--engine", "vllm", "--url", url) as (_, before):

        def ask(name: str) -> list[int]:
            weights = dict(zip(RANKS, map(float, name.partition("@")[2].split(",")), strict=True))
            answer = completion(before, coefficients=weights, return_token_ids=True)
            assert answer["rsoup"]["coefficients"] == weights, answer
            return answer["choices"][0]["token_ids"]

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ask, [model_name("mine", point) for point in lattice]))
            known = [model["id"] for model in json.load(urlopen(f"{url}/models"))["data"] if "@" in model["id"]]
            kept = list(cache.iterdir())
            assert len(known) <= KEEP and len(kept) <= KEEP, f"vLLM knows {known}, on the disk are {kept}"
            assert list(pool.map(ask, expected)) == list(expected.values())
        client = openai.OpenAI(base_url=before, api_key="none")
        asked: Any = {"model": "mine@0.3,0.7", "prompt": PROMPT, "max_tokens": LENGTH, "temperature": 0}
        *_, last = chunks = list(client.completions.create(**asked, stream=True))
        whole = client.completions.create(**asked)
        assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
        assert last.model_extra and last.model_extra["rsoup"]["coefficients"] == {"kind": 0.3, "brief": 0.7}
    print(f"{len(lattice)} λ through the gateway, of which vLLM kept {len(known)}; the merged models' tokens, a stream")


def check_sampling(url: str, base: Path) -> None:
    """Completions to train on, of a policy whose adapter changes."""
    model, tokenizer = load_base(str(base), "float32")
    sampler = VLLMSampler(url)
    environment = TextEnvironment.of(
        model, tokenizer, tiny.Sentences(), batch_size=4, batches_per_epoch=2, max_new_tokens=16, sampler=sampler
    )
    policy = LanguagePolicy(model, LoRA(8), temperature=0.8)
    environment.begin(0)
    off = []
    for turn in range(2):
        rollout = environment.rollout(policy, turn, completions=4)
        off.append(rollout["importance"][rollout.mask].sub(1).abs().max().item())
        for name, weight in policy.weights().items():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.2)
    environment.close()
    assert max(off) < 0.01, f"vLLM's likelihoods are not the policy's: {off}"
    print(f"sampled by vLLM to train on, with two adapters: no likelihood is off by more than {max(off):.1e} of it")


def main(python: str) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        experts, base = make(folder), folder / "base"
        expected = {
            model_name("mine", point): merged_tokens(base, experts, point, folder / f"merged-{number}")
            for number, point in enumerate(POINTS)
        }
        assert len({tuple(tokens) for tokens in expected.values()}) == len(POINTS), "the experts are too alike"
        try:
            with vllm(python, base, experts, "--max-lora-rank", "16", "--logprobs-mode", "processed_logprobs") as url:
                check_sampling(url, base)
                check_gateway(url, folder / "cache" / "adapters", expected)
                check_many_at_once(url, expected)
                check_names(url, expected)
        except StartError as error:
            print(f"vLLM does not run on this machine: {error}")
            return CANNOT_RUN
        try:
            with vllm(python, base, experts, "--max-lora-rank", "8"):
                raise AssertionError("vLLM started with too small a max_lora_rank")
        except StartError as error:
            assert "rank 12 (4 + 8)" in str(error) and "max_lora_rank is 8" in str(error), str(error)
            print("a max_lora_rank that is too small is refused at the start, with both numbers")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
