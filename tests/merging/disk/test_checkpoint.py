"""Single files of torch: what is read of each kind, and that what is written loads as they did."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.errors import RSoupError, WeightsError
from rsoup_lightning.merging.disk.checkpoint import read_checkpoint
from rsoup_lightning.merging.on_disk import merge
from tests.running import rsoup

NAMES = ("policy.log_std", "policy.mlp_extractor.policy_net.0.weight", "policy.action_net.bias")  # as SB3 calls them
MEMBERS = ("data", "pytorch_variables.pth", "policy.pth", "policy.optimizer.pth", "_stable_baselines3_version")


def weights(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name.removeprefix("policy."): torch.randn(3, 2, generator=generator) for name in NAMES}


def archive(path: Path, seed: int) -> Path:
    """A zip with the members that Stable-Baselines3 writes."""
    with zipfile.ZipFile(path, "w") as file:
        for member in MEMBERS:
            content = io.BytesIO(f"{member} {seed}".encode())
            if member == "policy.pth":
                content = io.BytesIO()
                torch.save(weights(seed), content)
            file.writestr(member, content.getvalue())
    return path


def expected(share: float = 0.25) -> dict[str, Tensor]:
    first, second = weights(0), weights(1)
    return {name: share * first[name] + (1 - share) * second[name] for name in first}


def close(found: dict[str, Tensor]) -> None:
    torch.testing.assert_close(found, expected())


@pytest.mark.parametrize(
    ("suffix", "held"),
    [
        (".pt", lambda tensors: tensors),
        (".pth", lambda tensors: {"model_state_dict": tensors, "optimizer": {"step": 3}, "epoch": 7}),
        (".bin", lambda tensors: {"model": tensors, "args": [1, 2]}),
        (".ckpt", lambda tensors: {"state_dict": tensors, "pytorch-lightning_version": "2.6", "epoch": 3}),
    ],
)
def test_what_is_written_is_of_the_same_kind(tmp_path: Path, suffix: str, held: Any) -> None:
    for seed in (0, 1):
        torch.save(held(weights(seed)), tmp_path / f"{seed}{suffix}")
    merge([str(tmp_path / f"{seed}{suffix}") for seed in (0, 1)], str(tmp_path / f"out{suffix}"), [0.25, 0.75])
    written = torch.load(tmp_path / f"out{suffix}", weights_only=True)
    key = read_checkpoint(tmp_path / f"0{suffix}").key
    close(written if key is None else written[key])
    assert key is None or held(weights(0)).keys() >= {key}
    assert "optimizer" not in written


def test_an_archive_of_stable_baselines3_keeps_its_names_and_members(tmp_path: Path) -> None:
    a, b = archive(tmp_path / "a.zip", 0), archive(tmp_path / "b.zip", 1)
    rsoup("merge", "--experts", str(a), str(b), "--coefficients", ".25", ".75", "--output", str(tmp_path / "out.zip"))
    with zipfile.ZipFile(tmp_path / "out.zip") as written:
        assert tuple(written.namelist()) == MEMBERS
        assert written.read("data") == b"data 0"
        close(torch.load(io.BytesIO(written.read("policy.pth")), weights_only=True))
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(WeightsError, match=r"holds no policy\.pth"):
        read_checkpoint(tmp_path / "empty.zip")
    a.write_bytes(a.read_bytes()[:-30])
    with pytest.raises(WeightsError, match=r"a\.zip is not a whole zip file"):
        read_checkpoint(a)


def test_counters_of_batch_normalisation_take_the_larger(tmp_path: Path) -> None:
    for index, batches in enumerate((3, 5)):
        norm = nn.BatchNorm1d(4)
        for _ in range(batches):
            norm(torch.randn(8, 4))
        torch.save(norm.state_dict(), tmp_path / f"{index}.pt")
    experts = [str(tmp_path / "0.pt"), str(tmp_path / "1.pt")]
    for share, counted in ((0.5, 5), (1.0, 3), (0.0, 5)):
        merge(experts, str(tmp_path / "out.pt"), [share, 1 - share], overwrite=True)
        merged = torch.load(tmp_path / "out.pt", weights_only=True)
        assert merged["num_batches_tracked"].item() == counted
        nn.BatchNorm1d(4).load_state_dict(merged)


def test_other_integers_that_differ_are_still_refused(tmp_path: Path) -> None:
    for index in range(2):
        torch.save({"w": torch.zeros(2), "steps": torch.tensor(index)}, tmp_path / f"{index}.pt")
    with pytest.raises(RSoupError, match="'steps' holds no floating numbers and differs"):
        merge([str(tmp_path / "0.pt"), str(tmp_path / "1.pt")], str(tmp_path / "out.pt"), [0.5, 0.5])
    assert not (tmp_path / "out.pt").exists()
