"""``VLLMSampler``: completions to train on, sampled by a vLLM server that holds the base and gets the adapter."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4

import torch
from torch import Tensor

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.language.asking import FILLER
from rsoup_lightning.modalities.language.policy import LanguagePolicy
from rsoup_lightning.modalities.language.sampler import Sampler
from rsoup_lightning.modalities.language.sampling import Completions
from rsoup_lightning.modalities.prompt_tokens import PromptTokens

CURE = "start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"
AT_ONCE = 64  # requests; a server queues more


class VLLMSampler(Sampler):
    """Sampling by vLLM: before each rollout it loads the adapter as it is now, and drops the one before.

    Serve the recipe's ``base`` with ``--enable-lora --max-lora-rank R --logprobs-mode processed_logprobs`` and
    ``VLLM_ALLOW_RUNTIME_LORA_UPDATING=1``. A key is read from ``VLLM_API_KEY``. The policy scores every token again,
    and each counts by the ratio of its likelihoods, which is truncated (Ionides 2008) as the two round differently.
    Greedy completions and evaluation stay with the policy.

    Args:
        url: of the server, such as http://127.0.0.1:8000/v1.
        folder: where adapters are written for the server to read; null: the folder for temporary files of this machine.
        most_importance: the ratio that a token counts by at most, C.
        timeout: seconds that an answer may take.
    """

    def __init__(
        self, url: str, folder: str | None = None, most_importance: float = 2.0, timeout: float = 600.0
    ) -> None:
        if not most_importance >= 1:
            raise ConfigError(
                f"most_importance is {most_importance}: it must be at least 1, the ratio where none is off"
            )
        self.most_importance = most_importance
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._place = TemporaryDirectory(prefix="adapters-", dir=None if folder is None else user_path(folder))
        self._names = map(f"rsoup-{uuid4().hex[:8]}-{{}}".format, count())  # of no other process that the server serves
        self._loaded = ""

    def sample(
        self, policy: LanguagePolicy, prompts: PromptTokens, copies: Tensor, *, limit: int, ends: Sequence[int]
    ) -> Completions:
        self._load(policy)
        texts = [tokens[mask].tolist() for tokens, mask in zip(prompts.tokens, prompts.mask, strict=True)]
        counts = torch.bincount(copies, minlength=len(texts)).tolist()
        seeds = torch.randint(2**31, (len(texts),)).tolist()
        settings = {
            "model": self._loaded,
            "max_tokens": limit,
            "temperature": policy.temperature,
            "top_p": 1.0,
            "top_k": -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "stop_token_ids": list(ends),
            "logprobs": 0,
            "return_token_ids": True,
        }
        each = zip(texts, counts, seeds, strict=True)
        asked = [{**settings, "prompt": text, "n": n, "seed": seed} for text, n, seed in each]
        with ThreadPoolExecutor(min(len(asked), AT_ONCE)) as pool:
            answers = list(pool.map(lambda body: self._ask("completions", body), asked))
        return _completions([choice for answer in answers for choice in _choices(answer)], copies.device)

    def close(self) -> None:
        if self._loaded:
            with suppress(ConfigError):  # a server that is gone holds nothing
                self._drop(self._loaded)
        self._loaded = ""

    def _load(self, policy: LanguagePolicy) -> None:
        """Have the server play the adapter as it is."""
        if policy.lora is None:
            raise ConfigError("vLLM is given an adapter before each rollout: set model.lora, or leave out the sampler")
        name, before = next(self._names), self._loaded
        folder = Path(self._place.name, name)
        policy.export(folder)
        self._ask("load_lora_adapter", {"lora_name": name, "lora_path": str(folder)})
        self._loaded = name
        if before:
            self._drop(before)

    def _drop(self, name: str) -> None:
        self._ask("unload_lora_adapter", {"lora_name": name})
        shutil.rmtree(Path(self._place.name, name), ignore_errors=True)

    def _ask(self, path: str, body: dict[str, Any]) -> Any:
        """The answer to a request; None where it is not JSON.

        Raises:
            ConfigError: there is none, or the server refuses.
        """
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("VLLM_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        try:
            request = Request(f"{self._url}/{path}", json.dumps(body).encode(), headers)
            with urlopen(request, timeout=self._timeout) as answer:
                said = answer.read()
        except HTTPError as error:
            why = " ".join(error.read().decode(errors="replace").split())
            cure = f": {CURE}" if path.endswith("adapter") else ""
            raise ConfigError(f"vLLM at {self._url} refuses {path} ({error.code} {why:.200}){cure}") from None
        except (OSError, HTTPException, ValueError) as error:
            raise ConfigError(f"no vLLM answers at {self._url} ({error}): start it, or correct sampler.url") from None
        with suppress(ValueError):
            return json.loads(said)
        return None


def _choices(answer: Any) -> list[tuple[list[int], list[float]]]:
    """Tokens and log-probabilities of each completion of an answer, in their order.

    Raises:
        ConfigError: it lacks some.
    """
    try:
        choices = sorted(answer["choices"], key=lambda choice: choice["index"])
        made = [([*choice["token_ids"]], [*choice["logprobs"]["token_logprobs"]]) for choice in choices]
    except (TypeError, KeyError):
        raise ConfigError("vLLM's answer has no token_ids and logprobs: take a version that returns them") from None
    if any(not tokens or len(tokens) != len(scores) for tokens, scores in made):
        raise ConfigError("vLLM's answer has a completion without tokens, or not as many log-probabilities as tokens")
    return made


def _completions(rows: Sequence[tuple[list[int], list[float]]], device: torch.device) -> Completions:
    """``[B, T]`` each, filled up to the longest."""
    width = max(len(tokens) for tokens, _ in rows)
    lengths = torch.tensor([len(tokens) for tokens, _ in rows])
    tokens = torch.tensor([tokens + [FILLER] * (width - len(tokens)) for tokens, _ in rows])
    scores = torch.tensor([scores + [0.0] * (width - len(scores)) for _, scores in rows])
    mask = torch.arange(width) < lengths.unsqueeze(1)
    return Completions(tokens.to(device), scores.to(device), mask.to(device))
