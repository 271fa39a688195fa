from __future__ import annotations

import logging
import warnings

import pytest

from rsoup_lightning.run.console.quiet import LOGGERS, quiet


def test_others_are_silent_inside_and_as_before_after_it() -> None:
    before = [logging.getLogger(name).level for name in LOGGERS]
    with pytest.raises(ZeroDivisionError), pytest.warns(UserWarning) as heard, quiet():
        assert all(logging.getLogger(name).level == logging.WARNING for name in LOGGERS)
        warnings.warn("The dataloader does not have many workers", UserWarning, stacklevel=1)
        warnings.warn("what a user can act on", UserWarning, stacklevel=1)
        raise ZeroDivisionError
    assert [str(one.message) for one in heard] == ["what a user can act on"]
    assert [logging.getLogger(name).level for name in LOGGERS] == before
