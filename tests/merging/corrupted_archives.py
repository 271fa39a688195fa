"""Damage to what torch pickled, and to zip files: those that only hurt what is inside have the right checksums."""

from __future__ import annotations

import io
import warnings
import zipfile
from random import Random
from typing import Any

import torch

from tests.merging.corrupted_content import ANY, Kind, flipped, longer, truncated


def resealed(content: bytes, chance: Random) -> bytes:
    """A zip file of other members, with the right checksums: torch's own are zip files, too."""
    members = _members(content)
    place = chance.randrange(len(members))
    name, held = members[place]
    change = chance.choice(
        [flipped, flipped, flipped, truncated, longer, "lost", "twice", "named", "compressed", "bomb"]
    )
    if callable(change):
        members[place] = name, change(held, chance)
    elif change == "lost":
        del members[place]
    elif change == "twice":
        members.append((name, chance.choice(members)[1]))
    elif change == "named":
        members[place] = chance.choice(["../x", "", "x/data/0", name.upper()]), held
    elif change == "bomb":
        members[place] = name, bytes(300_000_000)
    return _sealed(members, zipfile.ZIP_DEFLATED if change in ("compressed", "bomb") else zipfile.ZIP_STORED)


def exchanged_members(content: bytes, chance: Random) -> bytes:
    """Two members have each other's content: nothing can tell where their sizes are the same."""
    members = _members(content)
    one, two = chance.choices(range(len(members)), k=2)
    first, second = members[one], members[two]
    members[one], members[two] = (first[0], second[1]), (second[0], first[1])
    return _sealed(members, zipfile.ZIP_STORED)


def strange_tensor(content: bytes, chance: Random) -> bytes:
    """One of the tensors by name, which are rebuilt, is something else, or has another name."""
    held = torch.load(io.BytesIO(content), weights_only=True)
    state = next((held[key] for key in ("state_dict", "model") if key in held), held)
    name = chance.choice([name for name, value in state.items() if isinstance(value, torch.Tensor)])
    tensor = state[name]
    turned = tensor[..., None].transpose(0, -1).clone().transpose(0, -1)[..., 0]
    lies: list[Any] = [tensor.flatten()[:1].expand(2**42), torch.empty(2**36, device="meta"), tensor.to_sparse()]
    lies += [tensor.to(torch.cfloat), tensor[None], tensor.double(), tensor.bool(), torch.zeros_like(tensor) / 0]
    lies += [torch.empty(0), torch.nn.Parameter(tensor.float()), turned, torch.cat([tensor[None]] * 2)[1]]
    lies += [3, "x", None, {"x": tensor}]
    if chance.random() < 0.7:
        state[name] = chance.choice(lies)
    else:
        state[chance.choice([3, b"x", None, "", "a\nb", "\ud800", "\x1b[2J", ("x",)])] = state.pop(name)
    buffer = io.BytesIO()
    torch.save(held, buffer, _use_new_zipfile_serialization=chance.random() < 0.7)
    return buffer.getvalue()


def inside(content: bytes, chance: Random) -> bytes:
    """The policy in an archive of Stable-Baselines3 is damaged, or code."""
    members = _members(content)
    place = next(index for index, (name, _) in enumerate(members) if name == "policy.pth")
    kind = chance.choice([*TORCH, *ANY])
    members[place] = "policy.pth", kind(members[place][1], chance)
    return _sealed(members, zipfile.ZIP_STORED)


def _members(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _sealed(members: list[tuple[str, bytes]], compression: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings(action="ignore"):
        for name, held in members:
            archive.writestr(name, held)
    return buffer.getvalue()


TORCH: list[Kind] = [resealed, resealed, resealed, exchanged_members, strange_tensor, strange_tensor]
ARCHIVE: list[Kind] = [inside, inside, resealed]
