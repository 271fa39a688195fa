from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rsoup_lightning.errors import FrontError
from rsoup_lightning.front import geometry as fronts

PUBLISHED = Path(__file__).parent / "published"


@pytest.mark.parametrize(
    ("name", "rewards", "hypervolume"),
    [("news_summarization", ("quality", "faithfulness"), 0.6266), ("captioning", ("Bleu_1", "ROUGE_L"), 0.7073)],
)
def test_published_fronts(name: str, rewards: tuple[str, str], hypervolume: float) -> None:
    """The original authors' printed fronts: LMC everywhere, and their normalised hypervolume."""
    points = json.loads((PUBLISHED / f"{name}.json").read_text())["points"]
    scores = np.array([[point[reward] for reward in rewards] for point in points])
    coefficients = [[point["lambda"], 1 - point["lambda"]] for point in points]
    experts = scores[[-1, 0]]
    lmc = fronts.linear_mode_connectivity(scores, experts, coefficients)
    assert (lmc.holds, lmc.of) == (9, 9)
    assert lmc.worst_gap > 0
    assert round(fronts.normalised_hypervolume(scores, experts), 4) == hypervolume


def test_hypervolume_against_a_count_of_cells() -> None:
    """Integer points dominate unit cells that can be counted."""
    points = np.random.default_rng(0).integers(0, 9, (12, 3))
    cells = np.stack(np.meshgrid(*[np.arange(9)] * 3, indexing="ij"), -1).reshape(-1, 3)
    dominated = (cells[:, None] < points[None]).all(-1).any(1).sum()
    assert fronts.hypervolume(points, [0, 0, 0]) == dominated


def test_pareto_mask_against_the_definition() -> None:
    points = np.random.default_rng(1).integers(0, 6, (40, 2)).astype(float)
    beaten = [any((q >= p).all() and (q > p).any() for q in points) for p in points]
    assert fronts.pareto_mask(points).tolist() == [not b for b in beaten]


def test_chord_scores_half_and_utopia_one() -> None:
    experts = [[0.0, 7.0], [3.0, 5.0]]
    chord = [[3 * t, 7 - 2 * t] for t in np.linspace(0, 1, 2001)]
    assert fronts.normalised_hypervolume(chord, experts) == pytest.approx(0.5, abs=1e-3)
    assert fronts.normalised_hypervolume([[3.0, 7.0]], experts) == pytest.approx(1)


def test_flat_box_is_refused() -> None:
    with pytest.raises(fronts.FlatBoxError, match="reward number 1"):
        fronts.normalised_hypervolume([[1, 1]], [[0, 2], [1, 2]])


def test_not_finite_is_refused() -> None:
    for bad in (float("nan"), float("inf")):
        with pytest.raises(FrontError, match=f"got {bad} at point 1 for reward 0"):
            fronts.hypervolume([[1, 2], [bad, 1]], [0, 0])
    with pytest.raises(FrontError, match=r"shape \(1, 1, 2\)"):
        fronts.pareto_mask([[[1, 2]]])


def test_igd_is_the_mean_distance() -> None:
    assert fronts.inverted_generational_distance([[0, 0]], [[3, 4], [0, 1]]) == pytest.approx(3)


def test_expected_utility() -> None:
    assert fronts.expected_utility([[1, 0], [0, 1]], [[1, 0], [0.5, 0.5], [0, 1]]) == pytest.approx((1 + 0.5 + 1) / 3)


def test_sparsity() -> None:
    assert fronts.sparsity([[0, 2], [1, 1], [2, 0], [0, 0]]) == pytest.approx((1 + 1 + 1 + 1) / 2)
    assert fronts.sparsity([[1, 1]]) == 0


def test_lmc_finds_the_point_below_its_chord() -> None:
    lmc = fronts.linear_mode_connectivity([[0, 1], [0.4, 0.6], [1, 0]], [[1, 0], [0, 1]], [[0, 1], [0.5, 0.5], [1, 0]])
    assert (lmc.holds, lmc.of, lmc.confirmed, lmc.refuted) == (0, 1, 0, 0)
    assert lmc.worst_gap == pytest.approx(-0.1)


def test_lmc_is_asked_between_experts_only() -> None:
    """Where λ is extrapolated there is no mean of the experts' scores to compare with."""
    weights = [[0, 1], [0.5, 0.5], [1, 0], [1.5, -0.5]]
    lmc = fronts.linear_mode_connectivity([[0, 1], [0.6, 0.6], [1, 0], [0, 0]], [[1, 0], [0, 1]], weights)
    assert (lmc.holds, lmc.of) == (1, 1)


def test_lmc_intervals_are_paired() -> None:
    """Noise shared by all points of a sample cancels: what is left is the gap itself."""
    noise = np.random.default_rng(2).normal(0, 100, 50)
    corners = np.stack([[noise], [noise + 2]])
    merged = np.stack([[noise + 1.5]])
    lmc = fronts.linear_mode_connectivity(merged, corners, [[0.5, 0.5]])
    assert lmc.ci95 is not None
    np.testing.assert_allclose(lmc.ci95[0, 0], [0.5, 0.5], atol=1e-9)
    assert (lmc.confirmed, lmc.refuted) == (1, 0)


def test_one_sample_has_no_interval() -> None:
    lmc = fronts.linear_mode_connectivity([[[2.0], [2.0]]], [[[2.0], [0.0]], [[0.0], [2.0]]], [[0.5, 0.5]])
    assert lmc.ci95 is None
    assert (lmc.holds, lmc.confirmed) == (1, 0)


def test_chord_of_eleven_points_is_a_staircase() -> None:
    chord = [[t, 1 - t] for t in np.linspace(0, 1, 11)]
    assert fronts.normalised_hypervolume(chord, [[0, 1], [1, 0]]) == pytest.approx(0.5 * (1 - 1 / 10))


def test_lmc_where_all_score_the_same_holds_but_for_rounding() -> None:
    weights = [[share, 1 - share] for share in np.linspace(0, 1, 11)]
    for score in (0.9, 1e8 / 3, 1e-7):
        same = fronts.linear_mode_connectivity(np.full((11, 1, 20), score), np.full((2, 1, 20), score), weights)
        assert (same.holds, same.of, same.confirmed, same.refuted) == (9, 9, 9, 0)
    low = fronts.linear_mode_connectivity(np.full((11, 1, 20), 0.9e-7), np.full((2, 1, 20), 1e-7), weights)
    assert (low.holds, low.refuted) == (0, 9)


def test_lmc_is_asked_on_the_simplex_and_of_finite_scores() -> None:
    lmc = fronts.linear_mode_connectivity([[0.9, 0.9], [0.9, 0.9]], [[1, 0], [0, 1]], [[1, 1], [0.5, 0.5]])
    assert (lmc.holds, lmc.of) == (1, 1)
    with pytest.raises(FrontError, match="must be finite"):
        fronts.linear_mode_connectivity([[float("nan"), 1]], [[1, 0], [0, 1]], [[0.5, 0.5]])


@pytest.mark.parametrize("corner", [[0], [0, 0, 0], [0, float("nan")]])
def test_a_reference_point_has_a_finite_number_for_each_reward(corner: list[float]) -> None:
    with pytest.raises(FrontError, match=r"the reference point is .*: give 2 finite numbers"):
        fronts.hypervolume([[1, 2]], corner)
