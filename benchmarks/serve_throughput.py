"""What do requests at many λ cost a server? One batch of 16 clients, against PEFT's adapters exchanged λ by λ.

``rsoup serve`` has SmolLM2-135M and two LoRA adapters of rank 16; 16 clients ask at once over HTTP, each at a λ of its
own, for 24 tokens. The peer has the same adapters in PEFT, and builds the one of each request's λ with
``add_weighted_adapter("cat")``, which is exact as ours is, before it answers with transformers' ``generate``: neither
PEFT nor other servers batch such requests. Also in the same run: the 16 clients at one λ, and the time to the first
token of a single client at a λ that was never seen, against one that was. The base is in bfloat16 where this machine
computes in it, else in float32.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import torch
from cases import TARGETS, Case
from peft import PeftModel
from timing import Rounds, in_turns, report

from rsoup_lightning.modalities.language.base import load_base
from rsoup_lightning.modalities.lora import LoRA, with_adapter

ROUNDS, FIRSTS = 5, 12
CASE = Case(tokens=24)
EXPERTS = ("first", "second")


def main() -> None:
    """Measure and print."""
    result, more = measure(CASE, Rounds.asked(ROUNDS).share(0.8))
    report("serve_throughput", "tokens/s", result, **more)


def measure(case: Case, rounds: Rounds) -> tuple[dict[str, float], dict[str, float]]:
    """Both, in turns, and the other figures."""
    questions = case.questions()[: case.clients]
    with tempfile.TemporaryDirectory() as folder:
        model, tokenizer = load_base(case.base, "auto")
        adapters = write_adapters(model, Path(folder))
        peer = Peer(case, model.to(case.device), tokenizer, adapters, questions)
        with served(case, adapters) as client:
            shares = fresh()
            same: list[float] = []

            def ours() -> float:
                same.append(ask(client, case, questions, [0.5] * case.clients))
                return ask(client, case, questions, [next(shares) for _ in questions])

            result = in_turns(ours, peer.rate, rounds)
            one = statistics.median(same[1:])
            new, seen = first_tokens(client, questions[0], shares)
    print(f"\n{case.clients} clients, each at its own λ  {result['ours']:>8,.0f} tokens/s")
    print(f"{case.clients} clients at one λ           {one:>8,.0f} tokens/s")
    print(f"PEFT, λ by λ                 {result['peer']:>8,.0f} tokens/s")
    print(f"first token: a new λ {new * 1000:.0f} ms, one seen before {seen * 1000:.0f} ms")
    return result, {
        "one_lambda": one,
        "own_against_one": result["ours"] / one,
        "first_new": new,
        "first_seen": seen,
    }


def fresh() -> Iterator[float]:
    """Shares of the first expert, none of them twice."""
    return ((number * 0.6180339887) % 1 for number in count(1))


def write_adapters(model: Any, folder: Path) -> list[Path]:
    """LoRA adapters that change what the model says; ``model`` itself stays as it is."""
    adapted = with_adapter(model, LoRA(targets=TARGETS))
    for seed, name in enumerate(EXPERTS):
        torch.manual_seed(seed)
        for parameter, weight in adapted.named_parameters():
            if ".lora_" in parameter:
                torch.nn.init.normal_(weight, std=0.02)
        adapted.save_pretrained(str(folder / name))
    adapted.unload()
    return [folder / name for name in EXPERTS]


@contextmanager
def served(case: Case, adapters: list[Path]) -> Iterator[httpx2.Client]:
    """A server of the soup, in a process of its own."""
    experts = [f"{path.name}={path}" for path in adapters]
    command = [sys.executable, "-m", "rsoup_lightning", "serve", "--base", case.base, "--experts", *experts]
    command += ["--device", case.device, "--template", "{prompt}"]
    process = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with httpx2.Client(base_url=address, timeout=300, limits=httpx2.Limits(max_connections=case.clients)) as client:
            yield client
    finally:
        process.terminate()
        process.wait()


def body(question: str, share: float, tokens: int) -> dict[str, Any]:
    """A request at ``share`` of the first expert; no text of these adapters ends by itself but by chance."""
    point = {EXPERTS[0]: share, EXPERTS[1]: 1 - share}
    return {"prompt": question, "coefficients": point, "max_tokens": tokens, "seed": 0}


def ask(client: httpx2.Client, case: Case, questions: list[str], shares: list[float]) -> float:
    """All questions at once: tokens per second."""

    def tokens(question: str, share: float) -> int:
        answer = client.post("/completions", json=body(question, share, case.tokens))
        return int(answer.raise_for_status().json()["usage"]["completion_tokens"])

    start = time.perf_counter()
    with ThreadPoolExecutor(len(questions)) as clients:
        written = sum(clients.map(tokens, questions, shares))
    return written / (time.perf_counter() - start)


def first_tokens(client: httpx2.Client, question: str, shares: Iterator[float]) -> tuple[float, float]:
    """Seconds to the first token at new λ and at one that was seen, in turns; medians."""

    def seconds(share: float) -> float:
        start = time.perf_counter()
        with client.stream("POST", "/completions", json=body(question, share, 2) | {"stream": True}) as answer:
            took = [time.perf_counter() - start for line in answer.iter_lines() if line.startswith("data: {")]
        return took[0]

    pairs = [(seconds(next(shares)), seconds(0.5)) for _ in range(FIRSTS)][2:]
    return statistics.median(new for new, _ in pairs), statistics.median(seen for _, seen in pairs)


class Peer:
    """The adapters in PEFT: one λ after another."""

    def __init__(self, case: Case, model: Any, tokenizer: Any, adapters: list[Path], questions: list[str]) -> None:
        self._case, self._tokenizer = case, tokenizer
        self._model = PeftModel.from_pretrained(model, str(adapters[0]), adapter_name=EXPERTS[0]).eval()
        self._model.load_adapter(str(adapters[1]), adapter_name=EXPERTS[1])
        self._questions, self._shares = questions, fresh()

    def rate(self) -> float:
        """Tokens per second over one request of each client."""
        start, written = time.perf_counter(), 0
        for question in self._questions:
            share = next(self._shares)
            self._model.add_weighted_adapter(list(EXPERTS), [share, 1 - share], "soup", combination_type="cat")
            self._model.set_adapter("soup")
            tokens = self._tokenizer(question, return_tensors="pt").to(self._case.device)
            with torch.inference_mode():
                done = self._model.generate(**tokens, do_sample=True, max_new_tokens=self._case.tokens)
            written += done.shape[1] - tokens["input_ids"].shape[1]
            self._model.set_adapter(EXPERTS[0])
            self._model.delete_adapter("soup")
        return written / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
