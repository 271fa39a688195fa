"""Prompts as an environment: completions to train on, and the same prompts and chances for every policy evaluated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rsoup_lightning.environment import Shown
from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.mixture import Mixture, Rows
from rsoup_lightning.modalities.data import Entry, PromptData, Split
from rsoup_lightning.modalities.data_environment import DataEnvironment, check_some, evaluated, evaluation_generators
from rsoup_lightning.modalities.language.asking import FILLER, Asking
from rsoup_lightning.modalities.language.playing import Writing
from rsoup_lightning.modalities.language.policy import LanguagePolicy, TextPolicy
from rsoup_lightning.modalities.language.sampler import Sampler, scored_by_policy
from rsoup_lightning.modalities.language.sampling import Completions, Noise, gumbel, sample_completions
from rsoup_lightning.modalities.partly_trained import BASE_LOG_PROBS
from rsoup_lightning.modalities.pretrained import end_tokens
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.tokens import ELSEWHERE_LOG_PROBS, check_known
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout

if TYPE_CHECKING:
    from rsoup_lightning.modalities.language.running import RunningTexts


class TextEnvironment(DataEnvironment):
    """Prompts to complete. Rollouts carry

    - per step: ``tokens [B, T]``, and as signals under the pre-trained model ``base_log_probs [B, T]`` and, where asked
      for, ``elsewhere_log_probs [B, T]``;
    - per row: ``prompt_tokens [B, P]`` and ``prompt_mask [B, P]``, padded on the left, and ``id [B]``, the entry's
      number; where an engine samples, per step also ``importance [B, T]``, what each token counts by;
    - as texts: ``question``, ``prompt``, ``answer`` and ``reference``.

    Args:
        data: where prompts come from.
        tokenizer: of transformers.
        template: what the policy reads, from {prompt}; None: the tokenizer's chat template, or the bare prompt where it
            has none.
        max_new_tokens: the most tokens of a completion.
        ends: tokens that end a completion and are not part of the answer; none: the tokenizer's end token.
        stop: texts of one token each that end a completion too, and are the last of the answer.
        context: the most tokens the model reads, prompt and completion together.
        vocabulary: how many tokens it has embeddings for; None: all of the tokenizer's.
        sampler: who samples the completions that train; None: the policy.
        chat_template_kwargs: variables of the chat template.
        elsewhere: whether completions are scored as answers to another prompt too, for :class:`Specificity`: to the one
            half of its split away, which is the same in any batch.
        **sizes: as of DataEnvironment.
    """

    unit = "tokens"

    def __init__(
        self,
        data: PromptData,
        tokenizer: Any,
        template: str | None = None,
        max_new_tokens: int = 32,
        ends: Sequence[int] = (),
        stop: Sequence[str] = (),
        context: int | None = None,
        vocabulary: int | None = None,
        sampler: Sampler | None = None,
        chat_template_kwargs: Mapping[str, Any] | None = None,
        elsewhere: bool = False,
        **sizes: int,
    ) -> None:
        super().__init__(**sizes)
        check_at_least_one(max_new_tokens=max_new_tokens)
        if not ends and tokenizer.eos_token_id is None:
            raise ConfigError("the tokenizer has no end token: set its eos_token and save it again")
        self.data = data
        self.tokenizer = tokenizer
        self.max_new_tokens = max_new_tokens
        self.context = context
        self.sampler = sampler
        self.ends = list(ends) or [tokenizer.eos_token_id]
        self.stops = [self._single_token(text) for text in stop]
        self.asking = Asking(tokenizer, template, self.ends, vocabulary, chat_template_kwargs)
        self.elsewhere = elsewhere
        self._entries = cache(self._checked_entries)

    @classmethod
    def of(cls, model: Any, tokenizer: Any, data: PromptData, **settings: Any) -> TextEnvironment:
        """Of a causal language model of transformers: where its texts end, and how much it reads, is known of it."""
        config = model.config.get_text_config()
        context = getattr(config, "max_position_embeddings", None)
        known = {"ends": end_tokens(model, tokenizer), "context": context, "vocabulary": config.vocab_size}
        return cls(data, tokenizer, **known, **settings)

    def count(self, split: Split) -> int:
        return len(self._entries(split))

    @torch.no_grad()
    def rollout(self, policy: Policy, batch: int, *, completions: int = 1, greedy: bool = False) -> Rollout:
        numbers = self.training_entries(batch)
        if self.sampler is not None and not greedy:
            return self._elsewhere(self.sampler, policy, numbers, completions)
        return self._play(policy, "train", numbers, completions, None if greedy else gumbel())

    @torch.no_grad()
    def evaluate(self, policy: Policy, batch: Tensor) -> Rollout:
        # The same noise for every member, so that completions differ by what λ changes and not by chance.
        split, places = evaluated(batch)
        return self._play(policy, split, places.repeat(policy.members), 1, gumbel(evaluation_generators(batch)))

    def close(self) -> None:
        if self.sampler is not None:
            self.sampler.close()

    def outputs(self, rollout: Rollout) -> Sequence[str]:
        return rollout.texts["answer"]

    def shown(self, rollout: Rollout, count: int) -> list[Shown]:
        return [Shown(title=rollout.texts["prompt"][row], text=rollout.texts["answer"][row]) for row in range(count)]

    def player(self, rows: Rows) -> Writing:
        return Writing(rows, self._answers, self.running, self.max_new_tokens)

    def running(self, soup: Mixture, **limits: int) -> RunningTexts:
        from rsoup_lightning.modalities.language.running import RunningTexts  # which needs transformers

        return RunningTexts(soup, self.asking, self.ends, self.stops, self.context, self.max_new_tokens, **limits)

    @torch.no_grad()
    def _answers(self, policy: Policy, entries: Sequence[Entry], noise: Noise | None, limit: int) -> list[str]:
        for entry in entries:
            self._check(entry, "that was given", limit)
        prompts = self.asking.prompts(entries)
        return self._said(self._complete(_writing(policy), prompts, None, noise, limit))

    def _play(self, policy: Policy, split: Split, numbers: Tensor, copies: int, noise: Noise | None) -> Rollout:
        """Complete the entries ``numbers [N]``, each ``copies`` times, next to each other."""
        writing = _writing(policy)
        entries, prompts, index = self._asked(split, numbers, copies)
        completions = self._complete(writing, prompts, index if copies > 1 else None, noise, self.max_new_tokens)
        check_known(completions.log_probs, completions.mask)
        return self._scored(writing, self._rollout(entries, prompts, index, completions, numbers), split)

    def _elsewhere(self, sampler: Sampler, policy: Policy, numbers: Tensor, copies: int) -> Rollout:
        """The same of training entries, sampled by an engine."""
        if not isinstance(policy, LanguagePolicy):
            raise ConfigError("the sampler samples one policy, not a batch of several: leave model.sampler out")
        entries, prompts, index = self._asked("train", numbers, copies)
        ends, device = [*self.ends, *self.stops], next(policy.parameters()).device
        completions = sampler.sample(policy, prompts, index.to(device), limit=self.max_new_tokens, ends=ends)
        rollout = self._rollout(entries, prompts, index, completions, numbers)
        rollout = scored_by_policy(rollout, policy, sampler.most_importance)
        check_known(rollout.log_probs, rollout.mask)
        return self._scored(policy, rollout, "train")

    def _scored(self, policy: TextPolicy, rollout: Rollout, split: Split) -> Rollout:
        """The rollout with what the pre-trained model finds of its completions."""
        signals = {BASE_LOG_PROBS: policy.base_log_probs(rollout)}
        if self.elsewhere:
            count, numbers = self.count(split), rollout["id"]
            others, rows = torch.unique((numbers + count // 2) % count, return_inverse=True)
            prompts = self.asking.prompts([self._entries(split)[number] for number in others.tolist()])
            prompts = prompts.to(numbers.device)[rows]
            context = {"prompt_tokens": prompts.tokens, "prompt_mask": prompts.mask, "id": numbers}
            signals[ELSEWHERE_LOG_PROBS] = policy.base_log_probs(replace(rollout, context=context))
        return rollout.with_signals(**signals)

    def _asked(self, split: Split, numbers: Tensor, copies: int) -> tuple[Sequence[Entry], PromptTokens, Tensor]:
        """The entries ``numbers [N]`` and their prompts, and which of them each of N × copies rows is of."""
        entries = [self._entries(split)[number] for number in numbers.tolist()]
        return entries, self.asking.prompts(entries), torch.arange(len(entries)).repeat_interleave(copies)

    def _complete(
        self, policy: TextPolicy, prompts: PromptTokens, copies: Tensor | None, noise: Noise | None, limit: int
    ) -> Completions:
        """Sample completions, see :func:`sample_completions`."""
        with policy.playing() as model:
            device = next(model.parameters()).device
            return sample_completions(
                model,
                prompts.to(device),
                None if copies is None else copies.to(device),
                limit=limit,
                ends=[*self.ends, *self.stops],
                padding=FILLER,
                temperature=policy.temperature,
                noise=noise,
                goes_on=policy.goes_on,
                groups=policy.groups,
            )

    def _said(self, completions: Completions) -> list[str]:
        """The answers, without their end tokens."""
        said = completions.mask & ~torch.isin(completions.tokens, completions.tokens.new_tensor(self.ends))
        written = [tokens[row].tolist() for tokens, row in zip(completions.tokens, said, strict=True)]
        answers: list[str] = self.tokenizer.batch_decode(written, skip_special_tokens=True)
        return answers

    def _rollout(
        self, entries: Sequence[Entry], prompts: PromptTokens, index: Tensor, completions: Completions, numbers: Tensor
    ) -> Rollout:
        device = completions.tokens.device
        prompts, index = prompts.to(device), index.to(device)
        entries = [entries[place] for place in index.tolist()]
        return Rollout(
            log_probs=completions.log_probs,
            mask=completions.mask,
            steps={"tokens": completions.tokens},
            context={
                "prompt_tokens": prompts.tokens[index],
                "prompt_mask": prompts.mask[index],
                "id": numbers.to(device)[index],
            },
            texts={
                "question": [entry.question for entry in entries],
                "prompt": [entry.prompt or entry.question for entry in entries],
                "answer": self._said(completions),
                "reference": [entry.reference for entry in entries],
            },
        )

    def _checked_entries(self, split: Split) -> Sequence[Entry]:
        """The entries of a split, each written out once: none is empty, too long, or fails its template.

        Raises:
            ConfigError: there is none, or one whose prompt cannot be read or leaves no room for a completion.
        """
        entries = self.data.entries(split)
        check_some(entries, self.data, split)
        for number, entry in enumerate(entries):
            self._check(entry, f"of {split} entry {number}", self.max_new_tokens)
        return entries

    def _check(self, entry: Entry, which: str, limit: int) -> None:
        """Require that a prompt can be read, and leaves room for a completion of ``limit`` tokens.

        Raises:
            ConfigError: it is empty or too long; names it by ``which``.
        """
        room = math.inf if self.context is None else self.context - limit
        written = self.asking.written(entry)
        if written.strip() and len(written.encode("utf-8", "surrogatepass")) < room:  # a token has a byte at least
            return
        length = len(self.asking.tokens(written))
        if not length:
            raise ConfigError(f"the prompt {which} is empty, and the tokenizer adds no start token: leave it out")
        if length > room:
            raise ConfigError(
                f"the prompt {which} has {length} tokens, and the model reads {self.context} of which {limit} are the "
                f"completion's: shorten it ({entry.question!r:.60})"
            )

    def _single_token(self, text: str) -> int:
        tokens = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(tokens) != 1:
            raise ConfigError(f"the stop text {text!r} is {len(tokens)} tokens, and must be one: choose a shorter text")
        return int(tokens[0])


def _writing(policy: Policy) -> TextPolicy:
    if not isinstance(policy, TextPolicy):
        raise ConfigError(f"prompts need a language policy, not {type(policy).__name__}")
    return policy
