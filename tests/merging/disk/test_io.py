from __future__ import annotations

import pickle
import re
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from rsoup_lightning.errors import OutputError, WeightsError
from rsoup_lightning.merging import read_weights, write_weights
from rsoup_lightning.merging.disk.io import read_beside, save_tensors
from tests.conftest import PointFineTuner, quiet_trainer

WEIGHTS = {"a": torch.randn(3, 4), "n": torch.tensor(3)}


def test_round_trip(tmp_path: Path) -> None:
    write_weights(tmp_path, WEIGHTS)
    for path in (tmp_path, tmp_path / "policy.safetensors"):
        back = read_weights(path)
        assert back.keys() == WEIGHTS.keys()
        assert all(torch.equal(back[key], WEIGHTS[key]) for key in WEIGHTS)
    assert [file.name for file in tmp_path.iterdir()] == ["policy.safetensors"]


def test_lightning_checkpoint(tmp_path: Path, point: PointFineTuner) -> None:
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(point)
    trainer.save_checkpoint(tmp_path / "x.ckpt")
    assert torch.equal(read_weights(tmp_path / "x.ckpt")["place"], point.policy.place)


@pytest.mark.parametrize("size", [0, 5, 60, 150])
def test_truncated(tmp_path: Path, size: int) -> None:
    write_weights(tmp_path, WEIGHTS)
    file = tmp_path / "policy.safetensors"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(WeightsError, match="not a whole safetensors"):
        read_weights(tmp_path)


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code ran",))


def test_pickled_files_are_refused_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": {"policy.a": Bomb()}}, tmp_path / "bomb.ckpt")
    (tmp_path / "bare.ckpt").write_bytes(pickle.dumps({"state_dict": Bomb()}))
    (tmp_path / "weights.pt").write_bytes(pickle.dumps(Bomb()))
    for name, message in {
        "bomb.ckpt": "could run code",
        "bare.ckpt": "could run code",
        "weights.pt": "could run code",
    }.items():
        with pytest.raises(WeightsError, match=message):
            read_weights(tmp_path / name)
    assert "code ran" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.bin"])
def test_plain_state_dicts(tmp_path: Path, name: str) -> None:
    torch.save(WEIGHTS, tmp_path / name)
    back = read_weights(tmp_path / name)
    assert all(torch.equal(back[key], WEIGHTS[key]) for key in WEIGHTS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "no tensors by their names"),
        ([torch.zeros(1)], "no tensors by their names"),
        ({"a": 1}, "holds 'a', which is not a tensor"),
        ({3: torch.zeros(1)}, "holds 3, which is not a tensor"),
        ({"a": torch.zeros(2).to_sparse()}, "'a' is sparse, quantised or without numbers"),
        ({"a": torch.zeros(2, device="meta")}, "'a' is sparse, quantised or without numbers"),
    ],
)
def test_what_is_no_state_dict(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match=message):
        read_weights(tmp_path / "a.pt")


def test_a_flipped_bit_that_torch_does_not_see(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    torch.save({"a": torch.arange(1000.0)}, file)
    content = bytearray(file.read_bytes())
    place = content.index(torch.tensor([500.0, 501.0]).numpy().tobytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=r"its member '.*' is not what it was"):
        read_weights(file)


@pytest.mark.parametrize(
    ("compression", "shorter", "message"),
    [
        (zipfile.ZIP_DEFLATED, 0, "it is compressed"),
        (zipfile.ZIP_STORED, 4, "its tensors are not of the size of its records"),
    ],
)
def test_records_that_torch_would_map_as_other_numbers(
    tmp_path: Path, compression: int, shorter: int, message: str
) -> None:
    torch.save({"a": torch.arange(8.0), "b": torch.arange(3.0)}, tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt") as source, zipfile.ZipFile(tmp_path / "b.pt", "w", compression) as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content[: len(content) - shorter] if name.endswith("data/0") else content)
    with pytest.raises(WeightsError, match=message):
        read_weights(tmp_path / "b.pt")


def test_tensors_that_share_or_lack_numbers(tmp_path: Path) -> None:
    whole = torch.arange(12.0).view(3, 4)
    tensors = {"whole": whole, "row": whole[1], "turned": whole.T, "empty": torch.empty(0, 2), "none": torch.empty(0)}
    for old in (True, False):
        torch.save(tensors, tmp_path / "a.pt", _use_new_zipfile_serialization=not old)
        torch.testing.assert_close(read_weights(tmp_path / "a.pt"), tensors, rtol=0, atol=0)
    torch.save({"a": torch.zeros(1).expand(2**42)}, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="'a' repeats its numbers"):
        read_weights(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a whole JSON"),
        ("{", "not a whole JSON"),
        ("[" * 100_000, "not a whole JSON"),
        ("[]", "holds a list and not a dict"),
        (None, "not a whole JSON"),
    ],
)
def test_damaged_json(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "a.json"
    if text is None:
        file.write_bytes(pickle.dumps(Bomb()))
    else:
        file.write_text(text)
    with pytest.raises(WeightsError, match=message):
        read_beside(file)


def test_other_bad_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights at"):
        read_weights(tmp_path / "absent")
    torch.save({"state_dict": {"critic.a": torch.zeros(1)}}, tmp_path / "other.ckpt")
    with pytest.raises(WeightsError, match="holds no policy"):
        read_weights(tmp_path / "other.ckpt")
    (tmp_path / "cut.ckpt").write_bytes((tmp_path / "other.ckpt").read_bytes()[:400])
    with pytest.raises(WeightsError, match="not a whole checkpoint"):
        read_weights(tmp_path / "cut.ckpt")


def test_nothing_half_written(tmp_path: Path) -> None:
    write_weights(tmp_path, WEIGHTS)
    before = (tmp_path / "policy.safetensors").read_bytes()
    with pytest.raises(Exception):  # noqa: B017  whatever safetensors says of a tensor it cannot write
        write_weights(tmp_path, {"a": torch.zeros(2, device="meta")})
    assert (tmp_path / "policy.safetensors").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_names_of_one_tensor_are_written_each(tmp_path: Path) -> None:
    """As the weights of a policy that ties layers."""
    tied = torch.randn(2, 2)
    write_weights(tmp_path, {"a": tied, "b": tied, "empty": torch.zeros(0), "none": torch.zeros(0)})
    back = read_weights(tmp_path)
    assert back["a"].equal(tied) and back["b"].equal(tied) and back["none"].shape == (0,)


def test_a_full_disk_is_named_whatever_safetensors_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("rsoup_lightning.merging.disk.io.save_file", full)
    file = tmp_path / "policy.safetensors"
    with pytest.raises(OutputError, match=re.escape(f"the disk is full: {file} was not written")):
        write_weights(tmp_path, WEIGHTS)
    assert not list(tmp_path.iterdir())


def test_what_safetensors_cannot_write_to_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        save_tensors(tmp_path / "absent/a.safetensors", WEIGHTS)
