from __future__ import annotations

import pytest

from rsoup_lightning.errors import RSoupError
from rsoup_lightning.serving.model_names import coefficients_in, model_name
from rsoup_lightning.simplex import simplex

EXPERTS = ["kind", "brief", "long"]


def test_a_name_says_its_coefficients() -> None:
    for steps in (3, 7, 20):
        for point in simplex(3, steps):
            soup, _, written = model_name("mine", point).partition("@")
            assert soup == "mine" and coefficients_in(written, EXPERTS) == pytest.approx(point, abs=1e-11)


def test_spaces_and_absent_experts() -> None:
    assert coefficients_in(" long = 0.25, kind =.75", EXPERTS) == (0.75, 0.0, 0.25)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "'' is not a number"),
        ("0.3,0.7", "2 coefficients for 3 experts"),
        ("0.3,0.3,0.3", "sum to 1"),
        ("kind=0.3,0.7", "name every expert once"),
        ("kind=0.5,kind=0.5", "name every expert once"),
        ("king=1", "did you mean 'kind'"),
        ("kind=one", "'one' is not a number"),
        ("kind=nan,brief=1", "finite"),
        ("1e999,0,0", "finite"),
    ],
)
def test_what_is_not_on_the_simplex_is_refused(written: str, said: str) -> None:
    with pytest.raises(RSoupError, match=said):
        coefficients_in(written, EXPERTS)
