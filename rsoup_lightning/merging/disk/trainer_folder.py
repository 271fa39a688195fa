"""The folders that trainers of transformers and TRL leave: weights beside what only their trainer reads.

``training_args.bin`` and optimisers' states are pickles, which can run code: they are never opened.
"""

from __future__ import annotations

import re
from pathlib import Path

from rsoup_lightning.errors import ConfigError

STATE = "trainer_state.json"
"""What a trainer resumes from, and no part of a model."""
CHECKPOINT = re.compile(r"checkpoint-(\d+)")
WEIGHTS = re.compile(r".*\.safetensors|(pytorch|adapter)_model.*\.bin|model_index\.json|modules\.json")
"""Files of weights, or that tell in which folders they lie."""


def check_trained(folder: Path) -> None:
    """Require weights of a model, where ``folder`` is one that a trainer left.

    Raises:
        ConfigError: only its checkpoints have some, or only parts of some as DeepSpeed keeps them; says what to give.
    """
    if not folder.is_dir() or any(WEIGHTS.fullmatch(file.name) for file in folder.iterdir()):
        return
    if (folder / "zero_to_fp32.py").is_file():
        raise ConfigError(
            f"{folder} holds weights in the parts of DeepSpeed: put them together with its zero_to_fp32.py, and give "
            "the folder of what that writes"
        )
    numbers = [int(found[1]) for path in folder.iterdir() if (found := CHECKPOINT.fullmatch(path.name))]
    if numbers:
        last = folder / f"checkpoint-{max(numbers)}"
        raise ConfigError(f"{folder} is the folder of a trainer with checkpoints alone: give one of them, as {last}")
