from __future__ import annotations

import pytest
import torch
from torchmetrics import Metric

from rsoup_lightning.captions import DocumentFrequencies, cider, cider_d, meteor, prepare, read, rouge_l
from rsoup_lightning.captions.metrics import BleuMetric, CiderDMetric, CiderMetric, MeteorMetric, RougeLMetric
from rsoup_lightning.errors import ConfigError, RewardError
from tests.captions.examples import pairs

CANDIDATES, REFERENCES = pairs(40)
KNOWN = [prepare(texts) for texts in REFERENCES]
CAPTIONS = [read(text) for text in CANDIDATES]
FREQUENCIES = DocumentFrequencies.of(KNOWN)


def _metrics() -> list[tuple[Metric, float]]:
    """Each metric, and the mean of its function."""
    pytest.importorskip("nltk")
    both = list(zip(CAPTIONS, KNOWN, strict=True))
    mean = {
        RougeLMetric(): [rouge_l(*pair) for pair in both],
        MeteorMetric(): [meteor(*pair) for pair in both],
        CiderMetric(FREQUENCIES): [cider(*pair, FREQUENCIES) for pair in both],
        CiderDMetric(FREQUENCIES): [cider_d(*pair, FREQUENCIES) for pair in both],
    }
    return [(metric, sum(scores) / len(scores)) for metric, scores in mean.items()]


def test_classes_are_the_means_of_the_functions() -> None:
    for metric, expected in _metrics():
        metric.update(CANDIDATES[:7], REFERENCES[:7])
        metric.update(CANDIDATES[7:], REFERENCES[7:])
        assert metric.compute().item() == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_is_of_the_corpus(order: int) -> None:
    peer = pytest.importorskip("pycocoevalcap.bleu.bleu").Bleu(4)
    candidates = {index: [text] for index, text in enumerate(CANDIDATES)}
    corpus, _ = peer.compute_score(dict(enumerate(REFERENCES)), candidates, verbose=0)
    metric = BleuMetric(order)
    metric.update(CANDIDATES, REFERENCES)
    assert metric.compute().item() == pytest.approx(corpus[order - 1], abs=1e-9)


@pytest.mark.parametrize("index", range(5))
def test_merged_states_are_those_of_all_captions(index: int) -> None:
    def make() -> Metric:
        return [*(metric for metric, _ in _metrics()), BleuMetric()][index]

    one, other, both = make(), make(), make()
    one.update(CANDIDATES[:15], REFERENCES[:15])
    other.update(CANDIDATES[15:], REFERENCES[15:])
    both.update(CANDIDATES, REFERENCES)
    one.merge_state(other)
    torch.testing.assert_close(one.compute(), both.compute())
    both.reset()
    both.update(CANDIDATES[:15], REFERENCES[:15])
    assert both.compute() != one.compute()


def test_bad_input_is_named() -> None:
    with pytest.raises(RewardError, match="2 captions came with references for 1"):
        RougeLMetric().update(["a", "b"], [["a"]])
    with pytest.raises(RewardError, match="caption 1, 'b', has no reference"):
        RougeLMetric().update(["a", "b"], [["a"], []])
    with pytest.raises(RewardError, match="caption 0, 'a red car', has the text 'a red car' for its references"):
        BleuMetric().update(["a red car"], ["a red car"])
    with pytest.raises(ConfigError, match="BLEU-5"):
        BleuMetric(5)
