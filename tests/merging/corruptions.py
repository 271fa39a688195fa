"""Seeded damage to an expert, a file or a folder: what disks, networks, editors and attackers do to one.

Each kind of damage is a function of a file's content and of a source of chance, and gives the content that stands there
afterwards; :func:`damage` chooses a file and a kind that its format allows.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.merging.corrupted_archives import ARCHIVE, TORCH
from tests.merging.corrupted_content import ANY, JSON, SAFETENSORS, Kind, flipped

OF_FORMAT: dict[str, list[Kind]] = {
    ".json": JSON,
    ".safetensors": SAFETENSORS,
    ".zip": ARCHIVE,
    **dict.fromkeys((".ckpt", ".pt", ".bin"), TORCH),
}


def damage(expert: Path, chance: Random) -> str:
    """Damage one file of ``expert``, or what a folder says of its files; returns the file's name and what was done."""
    files = [expert] if expert.is_file() else sorted(path for path in expert.rglob("*") if path.is_file())
    file = chance.choice(files)
    if expert.is_dir() and chance.random() < 0.1:
        change = chance.choice([removed, made_a_folder, dangling, exchanged])
        change(file, chance.choice(files))
        return f"{file.name} {change.__name__}"
    own = next((kinds for suffix, kinds in OF_FORMAT.items() if file.name.endswith(suffix)), [])
    kind = chance.choice(own if own and chance.random() < 0.6 else ANY)
    content = file.read_bytes()
    try:
        file.write_bytes(kind(content, chance))
    except Exception:  # nothing for that kind to damage, as in a file of torch that is not a zip file
        file.write_bytes(flipped(content, chance))
    return f"{file.name} {kind.__name__}"


def removed(file: Path, _: Path) -> None:
    file.unlink()


def made_a_folder(file: Path, _: Path) -> None:
    file.unlink()
    file.mkdir()


def dangling(file: Path, _: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def exchanged(file: Path, other: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(other.read_bytes())
    other.write_bytes(content)
