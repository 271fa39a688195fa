"""What ``VLLMSampler`` sees of vLLM: a server that holds a model, is given adapters, and samples from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import torch
from peft import PeftModel, PeftModelForCausalLM
from transformers import LlamaForCausalLM


@dataclass
class Engine:
    """A model, and what was asked of it.

    Attributes:
        model: the base.
        takes_adapters: whether it was started so that it does.
        off: nats that are added to all log-probabilities that it tells.
        stale: it plays the first adapter that it was given for all later ones.
        key: that requests must have, if any.
        url: where it listens, while it runs.
        adapters: those it holds, by name.
        loaded: the names of all it was given.
        asked: bodies of requests for completions.
    """

    model: LlamaForCausalLM
    takes_adapters: bool = True
    off: float = 0.0
    stale: bool = False
    key: str = ""
    url: str = ""
    adapters: dict[str, PeftModelForCausalLM] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    @contextmanager
    def running(self) -> Iterator[Engine]:
        """It listens inside the block."""
        engine = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the name that http.server asks for
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                allowed = not engine.key or self.headers["Authorization"] == f"Bearer {engine.key}"
                with engine.lock:
                    status, said = engine.answer(self.path, body) if allowed else (401, {"error": "Unauthorized"})
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            self.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and content."""
        if path == "/v1/load_lora_adapter":
            if not self.takes_adapters:
                return 404, {"detail": "Not Found"}
            base = LlamaForCausalLM(self.model.config)
            base.load_state_dict(self.model.state_dict())
            self.adapters[body["lora_name"]] = PeftModel.from_pretrained(base, body["lora_path"]).eval()
            self.loaded.append(body["lora_name"])
            return 200, "Success"
        if path == "/v1/unload_lora_adapter":
            if not self.stale:
                del self.adapters[body["lora_name"]]
            return 200, "Success"
        self.asked.append(body)
        model = self.adapters[self.loaded[0] if self.stale else body["model"]]
        return 200, {"choices": [self._choice(model, body, index) for index in range(body["n"])]}

    @torch.no_grad()
    def _choice(self, model: PeftModelForCausalLM, body: dict[str, Any], index: int) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(body["seed"] + index)
        tokens, scores = [*body["prompt"]], []
        while len(scores) < body["max_tokens"] and not (scores and tokens[-1] in body["stop_token_ids"]):
            logits = model(torch.tensor([tokens])).logits[0, -1] / body["temperature"]
            chosen = int(torch.multinomial(logits.softmax(0), 1, generator=generator))
            tokens.append(chosen)
            scores.append(float(logits.log_softmax(0)[chosen]) + self.off)
        own = tokens[len(body["prompt"]) :]
        return {"index": index, "token_ids": own, "logprobs": {"token_logprobs": scores}}
