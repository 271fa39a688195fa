"""A front of any number of rewards with everything a picture can show: λ in and outside the simplex, init, MORL."""

from __future__ import annotations

import numpy as np

from rsoup_lightning.front.results import Point, Record, front_record
from rsoup_lightning.simplex import simplex


def demo_record(rewards: int, *, steps: int = 5, completions: int = 20) -> Record:
    """Concave rewards in λ: expert i is best on reward i, soups lie above the chord, init is worst of all."""
    names = [f"reward_{letter}" for letter in "abcdef"[:rewards]]
    generator = np.random.default_rng(0)

    def scores(weights: tuple[float, ...], shift: float = 0.0) -> dict[str, np.ndarray]:
        noise = generator.normal(0, 0.05, completions)
        own = zip(names, weights, strict=True)
        return {name: np.sqrt(max(weight, 0.0)) - max(weight - 1, 0.0) + shift + noise for name, weight in own}

    extrapolated = (1.2, *(-0.2 / (rewards - 1),) * (rewards - 1))
    uniform = (1 / rewards,) * rewards
    points = []
    for row in [*simplex(rewards, steps), extrapolated]:
        kind = "expert" if 1.0 in row else "soup"
        points.append(Point(kind, dict(zip(names, row, strict=True)), None, scores(row)))  # type: ignore[arg-type]
    points.append(Point("morl", None, dict(zip(names, uniform, strict=True)), scores(uniform, 0.03)))
    points.append(Point("init", None, None, scores((0.0,) * rewards, -0.3)))
    return front_record("demo", names, points, reference_point=None, training_cost={"soup": 3000, "morl": 4000})
