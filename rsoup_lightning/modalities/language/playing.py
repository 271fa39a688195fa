"""How soups of language models are played: prompts in, answers out.

Notation: B rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.modalities.language.sampling import Noise, gumbel
from rsoup_lightning.modalities.playing import Seed, generators, texts
from rsoup_lightning.policy import Policy, Rows


@dataclass(frozen=True)
class Writing:
    """Answers prompts as evaluation does: by the same template, with the same end tokens.

    Attributes:
        rows: which policy plays which of them.
        answer: a policy's answers to entries, of a number of tokens at most, with noise or the likeliest.
        max_new_tokens: the most tokens of an answer, by default.
    """

    rows: Rows = field(repr=False)
    answer: Callable[[Policy, Sequence[Entry], Noise | None, int], list[str]] = field(repr=False)
    max_new_tokens: int

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
        entries = [Entry(prompt) for prompt in texts(prompts, "prompts")]
        limit = self.max_new_tokens if max_new_tokens is None else max_new_tokens
        if limit < 1:
            raise ConfigError(f"max_new_tokens is {limit}: it must be at least 1")

        def answer(policy: Policy, numbers: list[int]) -> list[str]:
            noise = None if greedy else gumbel(generators(seed, numbers, len(entries)))
            return self.answer(policy, [entries[number] for number in numbers], noise, limit)

        return self.rows(len(entries), answer)
