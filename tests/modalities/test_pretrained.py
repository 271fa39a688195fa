from __future__ import annotations

from pathlib import Path

import pytest
import transformers

from rsoup_lightning.errors import ConfigError
from rsoup_lightning.modalities.pretrained import (
    check_tokens,
    describe_classes,
    end_tokens,
    fitting,
    load_classifier,
    load_tokenizer,
)
from tests.modalities.language.rewards import tiny
from tests.modalities.language.tiny import llama, tokenizer

LOADER = transformers.AutoModelForSequenceClassification.from_pretrained


def test_a_classifier_is_frozen_and_evaluates(tmp_path: Path) -> None:
    model = load_classifier(LOADER, tiny.bert(tmp_path), "a sequence classifier")
    assert not model.training and not any(parameter.requires_grad for parameter in model.parameters())
    assert describe_classes(model.config) == "0 LABEL_0, 1 LABEL_1, 2 LABEL_2"


def test_a_model_for_something_else_is_refused(tmp_path: Path) -> None:
    name = tiny.bert(tmp_path)
    transformers.AutoModel.from_pretrained(name).save_pretrained(name)
    with pytest.raises(ConfigError, match="was not trained as a sequence classifier: it has no weights for classifier"):
        load_classifier(LOADER, name, "a sequence classifier")


def test_tokens_need_an_embedding(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(tiny.bert(tmp_path))
    check_tokens([0, 3], tokenizer, 4)
    check_tokens([9], tokenizer, None)
    check_tokens([], tokenizer, 1)
    with pytest.raises(ConfigError, match=r"the tokenizer writes '\w+' as 9, and the model has embeddings for 0 to 8"):
        check_tokens([9, 3], tokenizer, 9)


def test_end_tokens_of_tokenizer_and_generation_configuration_all_count() -> None:
    model, words = llama(), tokenizer()
    for given, expected in ((None, [1]), (1, [1]), (7, [7, 1]), ([7, 1, 9], [7, 1, 9])):
        model.generation_config.eos_token_id = given
        assert end_tokens(model, words) == expected
    words.eos_token = None
    assert end_tokens(model, words) == [7, 1, 9]


@pytest.mark.parametrize(
    ("given", "message"), [(None, "has an end token: set the"), (["</s>"], r"\['</s>'\]: it must be")]
)
def test_end_tokens_that_are_none(given: object, message: str) -> None:
    model, words = llama(), tokenizer()
    words.eos_token, model.generation_config.eos_token_id = None, given
    with pytest.raises(ConfigError, match=message):
        end_tokens(model, words)


def test_weights_that_are_trained_are_float32() -> None:
    assert [fitting(precision, whole=True) for precision in ("auto", "float32")] == ["float32", "float32"]
    assert [fitting(precision, whole=False) for precision in ("auto", "bfloat16")] == ["auto", "bfloat16"]
    with pytest.raises(ConfigError, match="precision bfloat16 is for frozen weights, and without lora they are"):
        fitting("bfloat16", whole=True)
