"""Requests as they are given, and the noise of their rows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.playing import generators, texts


def test_texts_are_a_list_of_texts() -> None:
    assert texts(("a", "b"), "prompts") == ["a", "b"] and texts([], "prompts", 0) == []
    for given in ("a", [1], [["a"]]):
        with pytest.raises(ConfigError, match="prompts must be a list of texts, not") as caught:
            texts(given, "prompts")  # type: ignore[arg-type]
        assert str(caught.value).endswith("not 'a': put it into a list") == (given == "a")
    with pytest.raises(ConfigError, match="1 questions for 2 rows: give one for each"):
        texts(["a"], "questions", 2)


def test_noise_is_that_of_a_rows_seed() -> None:
    def drawn(made: list[torch.Generator]) -> list[float]:
        return [torch.rand(1, generator=generator).item() for generator in made]

    (one,) = drawn(generators(5, [0, 1, 2], 3))
    assert drawn(generators([4, 5, 6], [1], 3)) == drawn(generators(np.int64(5), [0], 1)) == [one]
    first, second = drawn(generators(np.array([4, 5, 6]), [0, 2], 3))  # type: ignore[arg-type]
    assert len({first, second, one}) == 3
    with pytest.raises(ConfigError, match="2 seeds for 3 rows"):
        generators([4, 5], [0, 1], 3)
