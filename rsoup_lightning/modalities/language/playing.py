"""How soups of language models are played: prompts in, answers out.

Notation: B rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rsoup_lightning.errors import check_at_least_one
from rsoup_lightning.mixture import Rows
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.modalities.language.sampling import Noise, gumbel
from rsoup_lightning.modalities.playing import Seed, generators, seeds, texts
from rsoup_lightning.policy import Policy

if TYPE_CHECKING:
    from rsoup_lightning.modalities.language.pieces import TextPiece
    from rsoup_lightning.modalities.language.running import RunningTexts
    from rsoup_lightning.modalities.language.text_row import TextRequest


@dataclass(frozen=True, repr=False)
class Writing:
    """Answers prompts as evaluation does: by the same template, with the same end tokens.

    Attributes:
        rows: which policy plays which of them.
        answer: a policy's answers to entries, of a number of tokens at most, with noise or the likeliest.
        running: a batch of a soup's answers that rows join and leave.
        max_new_tokens: the most tokens of an answer, by default.
    """

    rows: Rows
    answer: Callable[[Policy, Sequence[Entry], Noise | None, int], list[str]]
    running: Callable[..., RunningTexts]
    max_new_tokens: int

    def __repr__(self) -> str:
        return f"Writing({self.rows}; generate(prompts))"

    def generate(
        self, prompts: Sequence[str], *, seed: Seed = 0, greedy: bool = False, max_new_tokens: int | None = None
    ) -> list[str]:
        """An answer to each of B prompts, whatever is asked beside it.

        Args:
            prompts: what a user says, without any template.
            seed: of all rows, which then meet the same chances, or one for each.
            greedy: take the most likely token each time, and heed no seed.
            max_new_tokens: the most tokens of an answer; None: as the experts were trained.

        Raises:
            ConfigError: a prompt is empty or too long, its template fails, or no token is asked for.
            CoefficientError: rows have a λ each, and there are more or fewer of these.
        """
        entries, limit = self._asked(prompts, max_new_tokens)

        def answer(policy: Policy, numbers: list[int]) -> list[str]:
            noise = None if greedy else gumbel(generators(seed, numbers, len(entries)))
            return self.answer(policy, [entries[number] for number in numbers], noise, limit)

        return self.rows(len(entries), answer)

    def stream(
        self,
        prompts: Sequence[str],
        *,
        seed: Seed = 0,
        greedy: bool = False,
        max_new_tokens: int | None = None,
        **limits: int,
    ) -> Iterator[tuple[int, TextPiece]]:
        """The same answers while they are written: pieces of text, each with the number of its row.

        As many rows as have room are written at once; where one ends, the next begins.

        Args:
            prompts, seed, greedy, max_new_tokens: as of :meth:`generate`.
            **limits: of rows and memory, as of :class:`running.RunningTexts`.

        Raises:
            ConfigError, CoefficientError: as of :meth:`generate`; or a row needs more memory than the limits give.
        """
        from rsoup_lightning.modalities.language.text_row import TextRequest

        entries, limit = self._asked(prompts, max_new_tokens)
        batch = self.running(self.rows.mixture, **limits)
        temperature, asking = 0.0 if greedy else batch.temperature, batch.asking
        asked = zip(entries, self.rows.points(len(entries)), seeds(seed, len(entries)), strict=True)
        waiting = deque(
            TextRequest(asking.tokens(asking.written(entry)), point, limit, temperature, seed=own)
            for entry, point, own in asked
        )
        for request in waiting:
            batch.check(request)
        return _written(batch, waiting)

    def _asked(self, prompts: Sequence[str], max_new_tokens: int | None) -> tuple[list[Entry], int]:
        """Prompts as entries, and the most tokens of an answer."""
        limit = self.max_new_tokens if max_new_tokens is None else max_new_tokens
        check_at_least_one(max_new_tokens=limit)
        return [Entry(prompt) for prompt in texts(prompts, "prompts")], limit


def _written(batch: RunningTexts, waiting: deque[TextRequest]) -> Iterator[tuple[int, TextPiece]]:
    while waiting or batch:
        while waiting and batch.fits(waiting[0]):
            batch.join(waiting.popleft())  # which counts the rows of a batch from 0
        yield from batch.step()
