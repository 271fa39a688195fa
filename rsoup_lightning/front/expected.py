"""The scores to expect at any λ: as measured there, or by a quadratic fitted to the measured points around it.

Notation: P merges, E experts, R scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rsoup_lightning.front.intervals import student_quantile
from rsoup_lightning.front.quadratic import predict, scheffe_terms, smoothers, window_around
from rsoup_lightning.front.record import Record, mixtures

NEAR = 5e-4  # λ that differ by less are the same place: somebody wrote it down in four digits


@dataclass(frozen=True)
class Expected:
    """Scores at a λ.

    Attributes:
        scores: name to mean, of rewards and of what is only watched.
        ci95: likewise; None where no interval is known.
        point: which point of front.json was measured there; None where the scores are estimated.
        fitted: how many measured points the estimate is fitted to; 0 where the scores are as measured.
    """

    scores: dict[str, float]
    ci95: dict[str, list[float] | None]
    point: int | None
    fitted: int


def expected_scores(record: Record, coefficients: Mapping[str, float]) -> Expected | None:
    """What the merge at λ scores, measured or estimated; None where too few points were measured to tell.

    Args:
        record: the content of a front.json.
        coefficients: λ, expert to weight on the simplex; absent ones weigh zero.
    """
    points, experts, merges = record["points"], record["experts"], mixtures(record)
    places = np.array([[point["coefficients"][name] for name in experts] for point in merges.values()], float)
    place = np.array([coefficients.get(name, 0.0) for name in experts])
    distances = np.linalg.norm(places - place, axis=1)
    nearest = list(merges)[int(distances.argmin())]
    if distances.min() < NEAR:
        return Expected(points[nearest]["scores"], points[nearest]["ci95"], nearest, 0)
    window = window_around(places, place)
    if window is None:
        return None
    names = list(points[nearest]["scores"])
    around = [point for point, inside in zip(merges.values(), window, strict=True) if inside]
    scores = np.array([[point["scores"][name] for name in names] for point in around], float)
    errors = np.array([[point["standard_errors"][name] for name in names] for point in around], float)
    known, noise = ~np.isnan(errors).any(0), np.nan_to_num(errors)
    quantile = student_quantile(record["degrees_of_freedom"]) if known.any() else 0.0
    smooth, terms = smoothers(places[window], noise), scheffe_terms(place)[0]
    means, _, halves = predict(terms, places[window], smooth, scores, noise, quantile)
    intervals = zip(means - halves, means + halves, known, strict=True)
    ci95 = [[float(low), float(high)] if sure else None for low, high, sure in intervals]
    return Expected(
        dict(zip(names, means.tolist(), strict=True)), dict(zip(names, ci95, strict=True)), None, len(around)
    )
