"""A run folder, or one that ``rsoup pick`` wrote, as a soup that plays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsoup_lightning import registry
from rsoup_lightning.errors import ConfigError, RunFolderError
from rsoup_lightning.files import read_json
from rsoup_lightning.hub import local_folder
from rsoup_lightning.merging.adapters.formats import adapter_at, is_adapter
from rsoup_lightning.merging.policy_weights import read_experts
from rsoup_lightning.module import RewardFineTuner
from rsoup_lightning.playing.run_front import RunFront
from rsoup_lightning.playing.soup import Soup
from rsoup_lightning.rewards import Reward
from rsoup_lightning.rollout import Rollout
from rsoup_lightning.run.finished.experts import experts_folder
from rsoup_lightning.run.finished.method_of_run import merge_of
from rsoup_lightning.run.finished.pick import RECIPE
from rsoup_lightning.run.recipes.parsing import read_recipe
from rsoup_lightning.run.recipes.recipe_parser import built
from rsoup_lightning.simplex import LINEAR

Make = Callable[[], RewardFineTuner]

PICKED = "picked"
"""The expert's name in the soup of a folder that ``rsoup pick`` wrote."""


def load(
    run: str | Path, *, seed: int | None = None, device: str | torch.device | None = None, make: Make | None = None
) -> Soup:
    """The experts of a run, or the policy that was picked of them, ready to play.

    The model is built once, without rewards, and paths in its recipe are read from the folder one works in.

    Args:
        run: the folder of a finished run of ``rsoup soup``, or one that ``rsoup pick`` wrote, whose soup has a single
            expert, ``picked``; or the name of one on the hub. Its recipe names Python classes that are built: load what
            you trust.
        seed: whose experts, of a run with several seeds (default: the first).
        device: where to play; default: a GPU where there is one.
        make: builds the fine-tuner, where what a run was made from cannot be imported by its name.

    Raises:
        RunFolderError: there is no run, or one that is not finished.
        ConfigError: a seed that it does not have.
        RSoupError: its model cannot be built here, its weights are damaged, or the hub cannot be reached.
    """
    folder = local_folder(run)
    if (folder / "pick.json").is_file():
        if seed is not None:
            raise ConfigError(f"{folder} is one policy that was picked, of one seed: leave seed {seed} out")
        rewards, front = list(_picked(folder / "pick.json")), None
        places, recipe = {PICKED: folder}, folder / RECIPE
    else:
        if any(folder.glob("*.safetensors")):
            reason = "holds weights, and does not say what policy they are of"
            cure = "give the folder of a run, or one that rsoup pick wrote"
            if is_adapter(folder):
                cure += f"; adapters of a language model play by rsoup serve --base MODEL --experts NAME={folder}"
            raise RunFolderError(f"{folder} {reason}: {cure}")
        front = RunFront.load(folder)
        _, trained = experts_folder(folder, seed)
        rewards, places = front.rewards, {name: trained / name for name in front.experts}
        recipe = trained.parent / "config.yaml"
    module = make() if make else _fine_tuner(recipe, _rank(folder))
    experts = read_experts(places, module.policy, module.policy.weights())
    mixing, merge = front.mixing if front else LINEAR, None
    if front and front.has_weights and mixing != LINEAR:
        mixing, merge = LINEAR, merge_of(recipe.parent)
    return Soup(module.policy, experts, module.environment, rewards, front, device, mixing, merge)


def _picked(file: Path) -> Mapping[str, float]:
    """The preference that was picked for."""
    cure = "pick again with rsoup pick"
    record = read_json(file, cure)
    preference = record.get("preference") if isinstance(record, dict) else None
    if not isinstance(preference, dict):
        raise RunFolderError(f"{file} has no preference: {cure}")
    return preference


def _rank(folder: Path) -> int:
    """Of the adapter in a folder, where there is one; a picked one has all the ranks of those it was picked of."""
    if not is_adapter(folder):
        return 0
    return max(factors.rank for factors in adapter_at(folder).modules.values())


def _fine_tuner(file: Path, rank: int) -> RewardFineTuner:
    """The fine-tuner of a resolved recipe, without its rewards, which may be large models.

    Args:
        file: the recipe.
        rank: of its LoRA; 0: as it says.
    """
    recipe = read_recipe(file)
    maker = registry.fine_tuner(str(recipe.get("task")))
    if "model" not in recipe:  # the run was made from Python, of what builds its fine-tuner
        return maker()
    given: dict[str, Any] = recipe["model"]
    unscored = {"none": {"class_path": f"{__name__}.{Unscored.__name__}"}}
    idle = {"init_weights": None, "preference": None, "guards": None, "rewards": unscored}
    given |= {name: value for name, value in idle.items() if given.get(name)}
    if rank and given.get("lora"):
        given["lora"] |= {"rank": rank, "alpha": rank}
    return built(maker, "model", given)


class Unscored(Reward):
    """Stands for the rewards of a policy that only plays."""

    def __call__(self, rollout: Rollout) -> Tensor:
        raise TypeError("policies that are played are not scored")
