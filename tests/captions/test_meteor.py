from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from rsoup_lightning.captions import Caption, References, meteor, prepare, read, wordnet_synonyms
from rsoup_lightning.captions.meteor import _stem, _stemmer
from rsoup_lightning.errors import ConfigError
from tests.captions.examples import WORDS, pairs

SYNONYMS = {"dog": {"hound", "cat"}, "bike": {"bicycl", "kite"}, "man": {"child"}, "rid": {"run"}}


class Lemmas:
    """A WordNet of the table above, or of nothing."""

    def __init__(self, table: dict[str, set[str]]) -> None:
        self.table = table

    def synsets(self, word: str) -> list[Any]:
        names = [SimpleNamespace(name=lambda name=name: name) for name in [*self.table.get(word, ()), "two_words"]]
        return [SimpleNamespace(lemmas=lambda: names)]


@pytest.mark.parametrize("table", [{}, SYNONYMS])
def test_equal_to_nltk(table: dict[str, set[str]]) -> None:
    peer = pytest.importorskip("nltk.translate.meteor_score")
    for candidate, texts in zip(*pairs(1000), strict=True):
        words, known = candidate.split(), [text.split() for text in texts]
        expected = peer.meteor_score(known, words, wordnet=Lemmas(table))
        synonyms = (lambda word: table.get(word, set())) if table else None
        assert meteor(Caption(words), References([Caption(one) for one in known]), synonyms) == pytest.approx(
            expected, abs=1e-9
        )


def test_closed_form() -> None:
    pytest.importorskip("nltk")
    known = prepare(["the cats sat", "no match"])
    # two words in one chunk, "cats" by its stem: precision 2/3, recall 2/3
    assert meteor(read("cat sat down"), known) == pytest.approx(2 / 3 * (1 - 0.5 * (1 / 2) ** 3))
    # the same words in two chunks
    assert meteor(read("sat cat down"), known) == pytest.approx(2 / 3 * (1 - 0.5))


@pytest.mark.parametrize("text", ["", "?", "zebra"])
def test_nothing_matches(text: str) -> None:
    pytest.importorskip("nltk")
    assert meteor(read(text), prepare(["a cat", ""])) == 0


def test_synonyms_need_the_data_of_wordnet(monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = pytest.importorskip("nltk.corpus")

    def absent() -> None:
        raise LookupError("no wordnet")

    monkeypatch.setattr(corpus, "wordnet", SimpleNamespace(ensure_loaded=absent))
    with pytest.raises(ConfigError, match=r"nltk\.downloader wordnet"):
        wordnet_synonyms()
    monkeypatch.setattr(
        corpus, "wordnet", SimpleNamespace(ensure_loaded=lambda: None, synsets=Lemmas(SYNONYMS).synsets)
    )
    assert wordnet_synonyms()("dog") == {"hound", "cat"}


def test_absent_nltk_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nltk.stem.porter", None)
    _stemmer.cache_clear()
    _stem.cache_clear()
    with pytest.raises(ConfigError, match=r"rsoup_lightning\[vision\]"):
        meteor(read(WORDS["who"][0]), prepare(["a dog"]))
