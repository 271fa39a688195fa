"""Seeded damage to every kind of input of ``rsoup merge``: refused in a line with nothing left, or merged rightly.

A success is right where the output holds what an independent reader (safetensors, torch's weights-only unpickler, PEFT)
sees in the damaged files, merged: a flipped bit among a safetensors file's numbers cannot be noticed. A few seeds of
each kind run by default; ``RSOUP_CORRUPTIONS=1000 pytest -s tests/merging/test_corruption.py`` runs a thousand of each
and prints what became of them.
"""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from random import Random

import pytest
import torch

from tests.merging.corruptions import damage
from tests.merging.inputs import INPUTS
from tests.outcomes import Case, survey


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
@pytest.mark.parametrize("name", INPUTS)
def test_corruption(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, whole = INPUTS[name], tmp_path / "whole"
    whole.mkdir()
    with warnings.catch_warnings(action="ignore"):
        made = [
            [kind.make(whole / f"{variant}-{seed}", seed, variant) for seed in range(kind.paths)]
            for variant in range(kind.variants)
        ]

    def case(work: Path, chance: Random) -> Case:
        paths = [copied(path, work) for path in chance.choice(made)]
        done = damage(chance.choice(paths), chance)

        def check(output: Path) -> None:
            torch.testing.assert_close(dict(kind.written(output)), dict(kind.expected(paths)))
            for file in output.rglob("*.json"):
                if not isinstance(json.loads(file.read_text()), dict):
                    raise ValueError(f"{file.name} was carried along")

        return Case(done, paths, lambda: kind.run([str(path) for path in paths], work / "soup", chance), check)

    survey(name, case, tmp_path, monkeypatch)


def copied(path: Path, work: Path) -> Path:
    copy = shutil.copytree if path.is_dir() else shutil.copyfile
    return Path(copy(path, work / path.name))
