from __future__ import annotations

import pytest
import torch

from rsoup_lightning.errors import UnknownNameError
from rsoup_lightning.rollout import Rollout, last_counted

MASK = torch.tensor([[True, True, False], [True, True, True]])


def _rollout() -> Rollout:
    numbers = torch.arange(6.0).view(2, 3)
    return Rollout(
        numbers,
        MASK,
        {"x": numbers.unsqueeze(-1)},
        {"s": numbers},
        {"id": torch.tensor([4, 9])},
        texts={"t": ["a", "b"]},
    )


def test_ends_default_to_the_last_counted_step() -> None:
    assert _rollout().terminated.tolist() == [[False, True, False], [False, False, True]]
    assert not _rollout().truncated.any()
    assert last_counted(torch.zeros(1, 3, dtype=torch.bool)).tolist() == [[False] * 3]


def test_rows_take_everything_along() -> None:
    row = _rollout().rows(torch.tensor([1]))
    assert (row["id"].item(), row.texts, row["s"].tolist()) == (9, {"t": ["b"]}, [[3.0, 4.0, 5.0]])


def test_minibatches_by_row_cover_each_row_once() -> None:
    seen = [int(i) for batch in _rollout().minibatches(1) for i in batch["id"]]
    assert sorted(seen) == [4, 9]


def test_minibatches_by_step_cover_each_counted_step_once() -> None:
    batches = list(_rollout().minibatches(2, by_step=True))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    pairs = sorted(
        (int(i), float(x)) for batch in batches for i, x in zip(batch["id"], batch["x"].flatten(), strict=True)
    )
    assert pairs == [(4, 0.0), (4, 1.0), (9, 3.0), (9, 4.0), (9, 5.0)]
    assert all(batch.mask.all() and batch.mask.shape[1] == 1 and "s" not in batch for batch in batches)


@pytest.mark.parametrize("field", ["steps", "signals", "context", "texts"])
def test_payload_of_another_shape_is_refused(field: str) -> None:
    bad = {"texts": {"y": ["only one"]}}.get(field, {"y": torch.zeros(1)})
    with pytest.raises(ValueError, match="'y'"):
        Rollout(torch.zeros(2, 3), MASK, **{field: bad})  # type: ignore[arg-type]


def test_log_probs_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[B, T\]"):
        Rollout(torch.zeros(2, 2), MASK)


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown field of this rollout 'idd': did you mean 'id'"):
        _rollout()["idd"]


def test_parts_are_the_rows_in_order() -> None:
    rollout = _rollout()
    assert [part.texts["t"] for part in rollout.parts(1)] == [["a"], ["b"]]
    assert [part is rollout for part in rollout.parts(0)] == [part is rollout for part in rollout.parts(2)] == [True]


def test_further_signals_leave_the_rollout_as_it_was() -> None:
    rollout = _rollout()
    assert rollout.with_signals(more=MASK)["more"] is MASK
    assert "more" not in rollout
