"""Who hears of SIGTERM."""

from __future__ import annotations

import os
import signal

import pytest

from rsoup_lightning.run.console.signals import OwnSignals, heeding_sigterm
from tests.conftest import PointFineTuner, quiet_trainer


def test_sigterm_ends_a_block_as_ctrl_c_does() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt) as ended, heeding_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert ended.value.args == (signal.SIGTERM,) and signal.getsignal(signal.SIGTERM) is before


def test_a_training_is_not_ended_by_lightning(point: PointFineTuner) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))

    class Terminate(OwnSignals):
        def on_train_batch_start(self, *arguments: object) -> None:  # type: ignore[override]
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        trainer = quiet_trainer(max_epochs=1, limit_train_batches=3, callbacks=[Terminate()])
        trainer.fit(point)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM] * 3 and trainer.global_step == 3
