"""The model card of a run or of what was picked of one: Markdown under a head of YAML, as the hub reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from rsoup_lightning.front.record import Record
from rsoup_lightning.hub import HUB_NAME
from rsoup_lightning.report import view
from rsoup_lightning.report.tables import markdown_row
from rsoup_lightning.simplex import rounded

ABOUT = (
    "Rewarded soups (Ramé et al., NeurIPS 2023): one shared policy was fine-tuned once per reward, and the **weights** "
    "of these experts are interpolated by coefficients λ."
)

PRIVATE = "\nIt was made with files of its author's machine that are not here and are written by name: {}."


def model_card(
    repo: str,
    recipe: Mapping[str, Any],
    record: Record | None,
    picked: Mapping[str, Any] | None = None,
    licence: str | None = None,
    private: Sequence[str] = (),
) -> str:
    """The card.

    Args:
        repo: name on the hub.
        recipe: the resolved recipe.
        record: the front, where it is known.
        picked: the content of pick.json, where it is the card of a pick.
        licence: of the base, where it is known.
        private: what the recipe names that is on its author's machine alone.
    """
    base = base_of(recipe)
    public = base is not None and base not in private and HUB_NAME.fullmatch(base) is not None
    head: dict[str, Any] = {"library_name": "rsoup_lightning", "tags": ["rewarded-soups", "rlhf", str(recipe["task"])]}
    head |= {"base_model": base} if public else {}
    head |= {"license": licence} if licence else {}
    parts = [
        f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n",
        f"# {repo.partition('/')[2]}\n",
        ABOUT,
    ]
    parts += _chosen(picked) if picked else []
    parts += ["\n## How to play it\n", _usage(repo, picked, list(record["experts"]) if record else [])]
    parts += [PRIVATE.format(", ".join(f"`{name}`" for name in private))] if private else []
    parts += ["\n## Rewards\n", *_rewards(recipe, record)]
    if record:
        parts += ["\n## Front\n", "![The front](front.png)\n", *_points(record)]
    parts += ["\n## Training\n", *_training(recipe, record, base if public else base and Path(base).name)]
    known = (
        f"The base has the licence `{licence}`." if licence else "The licence of the base is not known here: add it."
    )
    return "\n".join([*parts, "\n## Licence\n", known, ""])


def base_of(recipe: Mapping[str, Any]) -> str | None:
    """What a recipe names as pre-trained model; None where it trains from zero, or a source without a name."""
    base = recipe.get("model", {}).get("base")
    named = base.get("init_args", {}).get("name") if isinstance(base, Mapping) else base
    return named if isinstance(named, str) else None


def _chosen(picked: Mapping[str, Any]) -> list[str]:
    weights = ", ".join(f"{name} {weight:.3g}" for name, weight in picked["coefficients"].items())
    wanted = ", ".join(f"{name} {weight:.3g}" for name, weight in picked["preference"].items())
    return [f"\nThis is one policy: the experts merged at λ = ({weights}), picked for the preference μ = ({wanted})."]


def _usage(repo: str, picked: Mapping[str, Any] | None, experts: Sequence[str]) -> str:
    point = "" if picked else json.dumps(rounded(dict.fromkeys(experts, 1 / len(experts)), 3), ensure_ascii=False)
    return f'```python\nfrom rsoup_lightning import load\n\nplayer = load("{repo}").at({point})\n```'


def _rewards(recipe: Mapping[str, Any], record: Record | None) -> list[str]:
    given = recipe.get("model", {}).get("rewards")
    named = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given or [])
    experts = set(record["experts"]) if record else set()
    for name in record["rewards"] if record else ():
        named.setdefault(name, None)
    rows = [
        markdown_row([name, "yes" if name in experts else "", f"`{_written(reward)}`" if reward else "of the task"])
        for name, reward in named.items()
    ]
    return ["| reward | has an expert | what it is |", "| --- | --- | --- |", *rows]


def _written(reward: Any) -> str:
    return str(reward.get("class_path", "")).rpartition(".")[2] if isinstance(reward, Mapping) else str(reward)


def _points(record: Record) -> list[str]:
    rewards = list(record["points"][0]["scores"])
    head = [markdown_row(["point", *rewards]), markdown_row(["---"] * (len(rewards) + 1))]
    rows = []
    for point in record["points"]:
        errors = point["standard_errors"]
        cells = [
            f"{point['scores'][name]:.4g}" + (f" ± {errors[name]:.2g}" if errors[name] is not None else "")
            for name in rewards
        ]
        rows.append(markdown_row([view.point_label(point), *cells]))
    return [*head, *rows, "\nScores are means over the evaluation entries, with their standard errors."]


def _training(recipe: Mapping[str, Any], record: Record | None, base: str | None) -> list[str]:
    model = recipe.get("model", {})
    said = {name: model[name] for name in ("data", "algorithm", "lora", "env_id") if model.get(name)}
    cost = record["summary"]["training_cost"].get("soup") if record else None
    origin = f"base `{base}`" if base else "trained from zero"
    parts = [f"Task `{recipe['task']}`, {origin}."]
    parts += [f"Cost: {cost:,} steps (tokens, denoising or simulator steps), a shared init included."] if cost else []
    return [*parts, "", "```yaml", yaml.safe_dump(said, sort_keys=False, allow_unicode=True).rstrip(), "```"]
