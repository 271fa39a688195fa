"""Pictures as an environment: answers to train on, and the search's best answer of every policy evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from rsoup_lightning.environment import Shown
from rsoup_lightning.errors import ConfigError, check_at_least_one
from rsoup_lightning.mixture import Mixture, Rows
from rsoup_lightning.modalities.data import SPLITS, Box, Item, PictureData, Split
from rsoup_lightning.modalities.data_environment import DataEnvironment, check_some, evaluated
from rsoup_lightning.modalities.pictures import encoded, shrunk
from rsoup_lightning.modalities.prompt_tokens import PromptTokens
from rsoup_lightning.modalities.running_calls import RunningCalls
from rsoup_lightning.modalities.tokens import check_known
from rsoup_lightning.modalities.vision_language.boxes import read_box
from rsoup_lightning.modalities.vision_language.decoding import Answers, Follow, beam_search, sample_answers
from rsoup_lightning.modalities.vision_language.drawing import with_boxes
from rsoup_lightning.modalities.vision_language.playing import Describing
from rsoup_lightning.modalities.vision_language.policy import CaptioningPolicy
from rsoup_lightning.modalities.vision_language.vocabulary import AnswerVocabulary
from rsoup_lightning.policy import Policy
from rsoup_lightning.rollout import Rollout


class PictureEnvironment(DataEnvironment):
    """Pictures to caption, to answer questions on, or to find things in. Rollouts carry

    - per step: ``tokens [B, T]``, and as a signal ``base_log_probs [B, T]`` under the pre-trained model;
    - per row: ``prompt_tokens [B, P]`` and ``prompt_mask [B, P]``, padded on the left, ``picture [B]`` and ``id [B]``,
      the picture's and the item's number, and ``box [B, 4]`` where every item has one;
    - as texts: ``question`` and ``prompt``, the same, ``answer``, ``references`` and their ``styles`` (a tuple each)
      and ``reference``, the first of them.

    Answers are sampled for training, and searched for over beams for evaluation.

    Args:
        data: where items come from.
        vocabulary: of the policy.
        unreadable: names of pictures to leave out.
        max_new_tokens: the most tokens of an answer, its end token included.
        beams: of the search; 1 takes the most likely token each time.
        context: the most tokens of a row, prompt and answer together.
        **sizes: as of DataEnvironment.
    """

    unit = "tokens"

    def __init__(
        self,
        data: PictureData,
        vocabulary: AnswerVocabulary,
        unreadable: frozenset[str] = frozenset(),
        max_new_tokens: int = 12,
        beams: int = 5,
        context: int = 76,
        **sizes: int,
    ) -> None:
        super().__init__(**sizes)
        check_at_least_one(max_new_tokens=max_new_tokens, beams=beams)
        self.data = data
        self.vocabulary = vocabulary
        self.unreadable = unreadable
        self.max_new_tokens = max_new_tokens
        self.beams = beams
        self.context = context
        self._names = picture_names(data)
        self._numbers = {name: number for number, name in enumerate(self._names)}
        self._items = cache(self._checked_items)

    def count(self, split: Split) -> int:
        return len(self._items(split))

    @torch.no_grad()
    def rollout(self, policy: Policy, batch: int, *, completions: int = 1, greedy: bool = False) -> Rollout:
        return self._play(policy, "train", self.training_entries(batch).repeat_interleave(completions), greedy, beams=1)

    @torch.no_grad()
    def evaluate(self, policy: Policy, batch: Tensor) -> Rollout:
        split, places = evaluated(batch)
        return self._play(policy, split, places.repeat(policy.members), True, self.beams)

    def player(self, rows: Rows) -> Describing:
        return Describing(rows, self._answers, self._question)

    def running(self, soup: Mixture, **limits: int) -> RunningCalls[tuple[Image, str]]:
        """Each row is given a picture and a question, which may be empty, and makes a text of them."""

        def describe(rows: Rows, given: Sequence[tuple[Image, str]]) -> list[str]:
            return self.player(rows).describe([picture for picture, _ in given], [question for _, question in given])

        return RunningCalls(soup, describe, **limits)

    @torch.no_grad()
    def _answers(self, policy: Policy, pictures: Sequence[Image], questions: Sequence[str]) -> list[str]:
        describing = _describing(policy)
        prompts = [self._question(question) for question in questions]
        device = next(describing.parameters()).device
        tokens = PromptTokens.of(prompts, self.vocabulary.padding).to(device)
        return self._said(self._answer(describing, describing.follow_new(pictures), tokens, True, self.beams))

    def _question(self, question: str) -> list[int]:
        """Tokens of a question."""
        prompt = self.vocabulary.prompt(question)
        self._check_room(prompt, f"the question {question!r:.60}")
        return prompt

    def outputs(self, rollout: Rollout) -> Sequence[str]:
        return rollout.texts["answer"]

    def shown(self, rollout: Rollout, count: int) -> list[Shown]:
        return [self._shown(rollout, row) for row in range(count)]

    def _shown(self, rollout: Rollout, row: int) -> Shown:
        name = self._names[int(rollout["picture"][row])]
        question, wanted, answer = (rollout.texts[key][row] for key in ("question", "reference", "answer"))
        picture = shrunk(self.data.picture(name))
        if "box" in rollout.context:
            picture = with_boxes(picture, _as_box(rollout["box"][row]), read_box(answer, self.data.bins))
        title = f"{question} ({wanted})" if question and wanted else question or wanted or name
        return Shown(title=title, text=answer, picture=encoded(picture))

    def _play(self, policy: Policy, split: Split, numbers: Tensor, greedy: bool, beams: int) -> Rollout:
        """Answer the items ``numbers [B]``: sampled, the most likely token each time, or searched for."""
        policy = _describing(policy)
        items = [self._items(split)[number] for number in numbers.tolist()]
        prompts, pictures = self._asked(items, next(policy.parameters()).device)
        answers = self._answer(policy, policy.follow(pictures), prompts, greedy, beams)
        rollout = self._rollout(items, numbers, prompts, pictures, answers)
        rollout = replace(rollout, log_probs=policy(rollout).log_probs * answers.mask)
        check_known(rollout.log_probs, answers.mask)
        return rollout.with_signals(base_log_probs=policy.base_log_probs(rollout))

    def _answer(
        self, policy: CaptioningPolicy, follow: Follow, prompts: PromptTokens, greedy: bool, beams: int
    ) -> Answers:
        """Sampled answers, those of the most likely token each time, or those that a search finds."""
        ends = {"limit": self.max_new_tokens, "end": self.vocabulary.end, "padding": self.vocabulary.padding}
        if beams > 1:
            return beam_search(follow, prompts, beams=beams, **ends)
        return sample_answers(follow, prompts, temperature=policy.temperature, greedy=greedy, **ends)

    def _said(self, answers: Answers) -> list[str]:
        """Answers as texts, without their end tokens."""
        written = [tokens[mask].tolist() for tokens, mask in zip(answers.tokens, answers.mask, strict=True)]
        return [self.vocabulary.decode([token for token in row if token != self.vocabulary.end]) for row in written]

    def _rollout(
        self, items: Sequence[Item], numbers: Tensor, prompts: PromptTokens, pictures: Tensor, answers: Answers
    ) -> Rollout:
        context = {"prompt_tokens": prompts.tokens, "prompt_mask": prompts.mask, "picture": pictures}
        context["id"] = numbers.to(pictures.device)
        boxes = [item.box for item in items if item.box is not None]
        if len(boxes) == len(items):
            context["box"] = torch.tensor(boxes, device=pictures.device)
        return Rollout(
            log_probs=torch.zeros_like(answers.mask, dtype=torch.float32),
            mask=answers.mask,
            steps={"tokens": answers.tokens},
            context=context,
            texts=answered(items, self._said(answers)),
        )

    def _asked(self, items: Sequence[Item], device: torch.device) -> tuple[PromptTokens, Tensor]:
        """The prompts of items, and the numbers ``[B]`` of their pictures."""
        prompts = PromptTokens.of([self.vocabulary.prompt(item.question) for item in items], self.vocabulary.padding)
        pictures = torch.tensor([self._numbers[item.picture] for item in items])
        return prompts.to(device), pictures.to(device)

    def _checked_items(self, split: Split) -> Sequence[Item]:
        """The items of a split whose pictures can be read.

        Raises:
            ConfigError: there is none, or one whose question leaves no room for an answer, or whose box is not inside
                its picture.
        """
        items = [item for item in self.data.items(split) if item.picture not in self.unreadable]
        check_some(items, self.data, split)
        for item in items:
            prompt = self.vocabulary.prompt(item.question)
            self._check_room(prompt, f"the question {item.question!r:.60} on {item.picture}")
            if item.box is not None and not _inside(item.box):
                raise ConfigError(
                    f"the box {item.box} of {item.question!r:.60} on {item.picture} is not inside the picture: left, "
                    "top, right and bottom edge must be fractions of it; correct it in the data or leave the item out"
                )
        return items

    def _check_room(self, prompt: Sequence[int], what: str) -> None:
        """Require that tokens of a question leave room for an answer."""
        if len(prompt) > self.context - self.max_new_tokens:
            raise ConfigError(
                f"{what} leaves no room: the model reads {self.context} tokens, of which {self.max_new_tokens} are the "
                "answer's; shorten it"
            )


def _describing(policy: Policy) -> CaptioningPolicy:
    if not isinstance(policy, CaptioningPolicy):
        raise ConfigError(f"pictures need a vision-language policy, not {type(policy).__name__}")
    return policy


def answered(items: Sequence[Item], answers: Sequence[str]) -> dict[str, list[Any]]:
    """The texts of a rollout: those of items, and what was answered to each."""
    questions = [item.question for item in items]
    return {
        "question": questions,
        "prompt": questions,
        "answer": list(answers),
        "references": [item.references for item in items],
        "styles": [item.styles for item in items],
        "reference": [item.references[0] if item.references else "" for item in items],
    }


def picture_names(data: PictureData) -> list[str]:
    """The names of all pictures of all splits, each once: their order gives them their numbers."""
    return list(dict.fromkeys(item.picture for split in SPLITS for item in data.items(split)))


def _as_box(edges: Tensor) -> Box:
    """``edges [4]`` as numbers."""
    left, top, right, bottom = edges.tolist()
    return left, top, right, bottom


def _inside(box: Box) -> bool:
    left, top, right, bottom = box
    return 0 <= left < right <= 1 and 0 <= top < bottom <= 1
