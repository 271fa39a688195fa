from __future__ import annotations

from pathlib import Path

import pytest
from open_clip import SimpleTokenizer

from rsoup_lightning.captions.tokens import tokenise
from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.vision_language.boxes import read_box
from rsoup_lightning.modalities.vision_language.vocabulary import AnswerVocabulary, BytePairs, WordVocabulary


def words() -> WordVocabulary:
    return WordVocabulary.of(["A red heart.", "the dog's red nose"])


def test_texts_come_back_as_the_metrics_cut_them() -> None:
    vocabulary = words()
    assert vocabulary.words == sorted({"a", "red", "heart", "the", "dog", "'s", "nose"})
    tokens = vocabulary.encode("The dog's RED nose!")
    assert vocabulary.decode(tokens).split() == tokenise("The dog's RED nose!")
    assert min(tokens) > max(vocabulary.padding, vocabulary.start, vocabulary.end, vocabulary.unknown)
    assert max(tokens) < len(vocabulary) == 4 + 7


@pytest.mark.parametrize("text", ["100 200 300 400", "12 100 220 340", "5 100 120 127", "999 999 999 999"])
def test_a_box_is_four_words_whatever_its_numbers(text: str) -> None:
    assert read_box(text, 1000) is not None
    vocabulary = WordVocabulary.of([text])
    assert vocabulary.words == sorted({*text.split()})
    known = WordVocabulary(map(str, range(1000)))
    assert len(known.encode(text)) == 4 and known.decode(known.encode(text)) == text
    known.check([[text]])


def test_what_is_not_known_is_read_and_not_written() -> None:
    vocabulary = words()
    assert vocabulary.encode("a green dog")[1] == vocabulary.unknown
    assert vocabulary.decode(vocabulary.encode("a green dog")) == "a dog"


def test_words_are_kept_in_a_file(tmp_path: Path) -> None:
    words().save(tmp_path / "words.json")
    assert WordVocabulary.load(tmp_path / "words.json").words == words().words


def test_an_answer_vocabulary_mismatch_names_words() -> None:
    vocabulary = words()
    vocabulary.check([["a red dog"], ["a green cat", "red"], ["a cat"], []])
    with pytest.raises(ConfigError, match=r"answers to 2 of 3 items hold words .* such as blue, cat, green: its words"):
        vocabulary.check([["a red dog"], ["a green cat", "blue"], ["a cat"]])


@pytest.mark.parametrize("vocabulary", [words(), BytePairs(SimpleTokenizer())], ids=["words", "pairs"])
def test_a_question_stands_between_two_starts(vocabulary: AnswerVocabulary) -> None:
    start = vocabulary.start
    assert vocabulary.prompt("red dog") == [start, *vocabulary.encode("red dog"), start]
    assert vocabulary.prompt("") == vocabulary.prompt("  ") == [start]
    assert len({vocabulary.start, vocabulary.end, vocabulary.padding}) == 3


def test_byte_pairs_are_those_of_open_clip() -> None:
    tokenizer = SimpleTokenizer()
    vocabulary, text = BytePairs(tokenizer), "a photograph of an astronaut, riding!"
    row = tokenizer([text])[0].tolist()
    ours = vocabulary.encode(text)
    assert row[: len(ours) + 2] == [vocabulary.start, *ours, vocabulary.end]
    assert vocabulary.decode(ours) == "a photograph of an astronaut , riding !"
    assert vocabulary.decode([vocabulary.start, *ours[:1], vocabulary.end]) == "a"
