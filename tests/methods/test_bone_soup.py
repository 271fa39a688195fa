"""On rewards r_i = -|θ - c_i|², where the best policy for μ is known: the μ-weighted mean of the c_i."""

from __future__ import annotations

import numpy as np
import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.methods import BoneSoup
from rsoup_lightning.methods.morl import matrix
from rsoup_lightning.simplex import grid, one_hot

REWARDS = ["a", "b", "c"]
CENTERS = np.array([[0.0, 1.0], [2.0, -1.0], [5.0, 3.0]])


@pytest.mark.parametrize("beta", [0.4, 0.7, 1.0])
def test_every_preference_gets_its_optimum(beta: float) -> None:
    method = BoneSoup(beta)
    trained = matrix(method.experts(REWARDS)) @ CENTERS  # where each expert ends
    for preference in grid(3, 5):
        found = np.array(method.coefficients(preference, REWARDS)) @ trained
        np.testing.assert_allclose(found, np.array(preference) @ CENTERS, atol=1e-5)


def test_its_own_preference_gives_an_expert_alone_and_a_purer_one_extrapolates() -> None:
    method = BoneSoup(0.7)
    assert method.experts(["a", "b"]) == {"a": {"a": 0.7, "b": 1 - 0.7}, "b": {"a": 1 - 0.7, "b": 0.7}}
    assert method.coefficients((0.7, 0.3), ["a", "b"]) == (1.0, 0.0)
    assert method.coefficients((1.0, 0.0), ["a", "b"]) == (1.75, -0.75)
    assert BoneSoup(1.0).lattice(["a", "b"], grid(2, 3)) == grid(2, 3)
    assert {*one_hot(2)} < {*method.lattice(["a", "b"], grid(2, 3))}
    assert BoneSoup().experts(["a"]) == {"a": {"a": 1.0}}


@pytest.mark.parametrize("beta", [0.5, 1.1, -1.0])
def test_a_share_that_mixes_nothing_apart_is_refused(beta: float) -> None:
    with pytest.raises(ConfigError, match=r"beta is .* above 0\.5, up to 1"):
        BoneSoup(beta).experts(["a", "b"])
