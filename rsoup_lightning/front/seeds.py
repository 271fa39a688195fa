"""Fronts of several seeds as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rsoup_lightning.front.intervals import student_interval
from rsoup_lightning.front.record import Record
from rsoup_lightning.front.results import Point, estimates, summarise


def combine_seeds(records: Sequence[Record]) -> Record:
    """Fronts of the same recipe under several seeds as one: means over seeds, every seed's own numbers beside.

    Intervals (``ci95``) and standard errors are then those of the mean over seeds, by Student's t; those of the
    normalised hypervolume too. They are about other seeds of training, on the same evaluation entries. Each point has
    ``per_seed`` scores, and has collapsed or breaks a limit if it does under any seed. Raw hypervolume, LMC and
    sparsity are those of the mean front.
    """
    first = records[0]
    points = []
    for versions in zip(*(record["points"] for record in records), strict=True):
        scores = {name: [version["scores"][name] for version in versions] for name in versions[0]["scores"]}
        points.append(
            {
                **versions[0],
                **estimates(scores, student_interval),
                "per_seed": scores,
                "completions": sum(version["completions"] for version in versions),
                "collapsed": sorted({name for version in versions for name in version["collapsed"]}),
                "broken": sorted({name for version in versions for name in version.get("broken", [])}),
            }
        )
    means = [
        Point(p["kind"], p["coefficients"], p["preference"], {n: np.array([p["scores"][n]]) for n in first["rewards"]})
        for p in points
    ]
    references = [record["summary"]["reference_point"] for record in records]
    shared = all(reference == references[0] for reference in references)
    costs = [record["summary"]["training_cost"] for record in records]
    summary = summarise(
        means,
        first["rewards"],
        first["experts"],
        reference_point=references[0] if shared else None,
        training_cost={kind: sum(cost[kind] for cost in costs) for kind in costs[0]},
    )
    for kind in summary["hypervolume_normalised"]:
        volumes = [record["summary"]["hypervolume_normalised"][kind] for record in records]
        if None not in volumes:
            combined = estimates({kind: volumes}, student_interval)
            for suffix, key in (("", "scores"), ("_ci95", "ci95"), ("_standard_errors", "standard_errors")):
                summary[f"hypervolume_normalised{suffix}"][kind] = combined[key][kind]
    return {
        **first,
        "degrees_of_freedom": len(records) - 1,
        "limits": {
            name: float(np.mean([record["limits"][name] for record in records])) for name in first.get("limits", {})
        },
        "points": points,
        "summary": {**summary, "per_seed": [record["summary"] for record in records]},
    }
