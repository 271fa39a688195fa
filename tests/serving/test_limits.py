from __future__ import annotations

from typing import Any

import pytest

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.serving.limits import Limits


@pytest.mark.parametrize("given", [{"max_body": 0}, {"timeout": -1.0}, {"timeout": float("nan")}, {"max_choices": 0}])
def test_limits_are_positive(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(ConfigError, match=f"{name} is .*: it must be positive"):
        Limits(**given)
    assert Limits(max_prompt_tokens=None).timeout > 0
