from __future__ import annotations

from pathlib import Path

import torch

from rsoup_lightning.stage_checkpoint import StageCheckpoint
from tests.conftest import PointFineTuner, quiet_trainer


def test_stage_checkpoint_resumes_to_the_same_end(tmp_path: Path) -> None:
    whole, half, rest = PointFineTuner(), PointFineTuner(), PointFineTuner()
    histories = []
    for module, epochs, name, resume in ((whole, 4, "a", None), (half, 2, "b", None), (rest, 4, "b", "b")):
        checkpoint = StageCheckpoint(tmp_path / f"{name}.ckpt")
        path = tmp_path / f"{resume}.ckpt" if resume else None
        trainer = quiet_trainer(max_epochs=epochs)
        trainer.callbacks.append(checkpoint)
        trainer.fit(module, ckpt_path=path, weights_only=True)
        histories.append([entry["reward/east"] for entry in checkpoint.history])
    assert torch.equal(whole.policy.place, rest.policy.place)
    assert len(histories[0]) == 4
    assert histories[0] == histories[2]
