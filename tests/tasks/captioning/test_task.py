from __future__ import annotations

from rsoup_lightning.captions import bleu, prepare, read
from rsoup_lightning.modalities.vision_language.rewards import Bleu
from tasks.captioning import TASK


def test_bleu4_counts_up_to_four_words() -> None:
    answer, references = read("a red car on the old road"), prepare(["a red car on a road"])
    assert TASK.reward("bleu4").rate(answer, references) == bleu(answer, references)[3] > 0
    assert TASK.reward("bleu4").rate(answer, references) < Bleu().rate(answer, references)


def test_names_are_those_metrics() -> None:
    built = {name: TASK.reward(name) for name in TASK.rewards}
    assert isinstance(built["bleu4"], Bleu) and built["bleu4"].order == 4
    assert isinstance(built["bleu1"], Bleu) and built["bleu1"].order == 1
    assert {type(built[name]).__name__ for name in ("rouge", "meteor", "cider")} == {"RougeL", "Meteor", "CiderD"}
