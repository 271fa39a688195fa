from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rsoup_lightning.errors import ConfigError, RewardError
from rsoup_lightning.modalities.language.rewards import SequenceClassifier
from tests.modalities.language.rewards import tiny
from tests.modalities.language.rewards.exchanges import answered

pytest.importorskip("transformers")

ANSWERS = ["the film was good", "bad", "a very very bad film . so bad", "good good"]
QUESTIONS = ["why ?", "was the film good ?", "so ?", "the film ?"]
ROLLOUT = answered(ANSWERS, QUESTIONS)


def plain(folder: str, *segments: list[str], **options: Any) -> Tensor:
    """``[texts, classes]`` logits by transformers alone, one text at a time, unpadded."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder, **options)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        texts = [tokenizer(*text, return_tensors="pt") for text in zip(*segments, strict=True)]
        return torch.cat([model.eval()(**text).logits for text in texts])


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny.bert(tmp_path_factory.mktemp("bert"))


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_a_logit(bert: str, batch_size: int) -> None:
    expected = plain(bert, ANSWERS)
    for score in (1, "1", " 1 "):
        got = SequenceClassifier(bert, score, batch_size=batch_size)(ROLLOUT)
        assert torch.allclose(got, expected[:, 1], atol=1e-5)
    assert expected[:, 1].std() > 0.1


def test_the_difference_of_two_logits(bert: str) -> None:
    expected = plain(bert, ANSWERS)
    assert torch.allclose(SequenceClassifier(bert, "2-0")(ROLLOUT), expected[:, 2] - expected[:, 0], atol=1e-5)


def test_two_segments(bert: str) -> None:
    reward = SequenceClassifier(bert, 0, template="{question}", pair="{answer}")
    expected = plain(bert, QUESTIONS, ANSWERS)[:, 0]
    assert torch.allclose(reward(ROLLOUT), expected, atol=1e-5)
    joined = SequenceClassifier(bert, 0, template="{question} {answer}")(ROLLOUT)
    assert not torch.allclose(joined, expected, atol=1e-2)
    assert reward.inputs(ROLLOUT)[0] == "why ?\nthe film was good"


@pytest.mark.parametrize(("template", "pair"), [("{question}", "{answer}"), ("{answer}", "{question}")])
def test_empty_texts_in_either_segment(bert: str, template: str, pair: str) -> None:
    reward = SequenceClassifier(bert, 0, template=template, pair=pair)
    with pytest.raises(RewardError, match="row 1 by an empty question"):
        reward(answered(["good", "bad"], ["why ?", " "]))
    with pytest.raises(RewardError, match="row 1 has an empty answer"):
        reward(answered(["good", ""]))
    rated = SequenceClassifier(bert, 0, template=template, pair=pair, allow_empty_answers=True)(answered(["good", ""]))
    assert rated.isfinite().all()


CAUSAL: list[dict[str, Any]] = [
    {},  # neither model nor tokenizer has a padding token
    {"tokens": {"pad_token": "[PAD]", "padding_side": "left"}},
    {"tokens": {"eos_token": "[END]"}},
    {"tokens": {"eos_token": "[END]", "pad_token": "[END]"}},
    {"tokens": {"eos_token": "[END]", "pad_token": "[END]"}, "pad_token_id": 4},  # then the model looks before it
    {"tokens": {"eos_token": "[END]"}, "pad_token_id": 12},  # a word that texts hold
]


@pytest.mark.parametrize("options", CAUSAL)
@pytest.mark.parametrize("made", [tiny.gpt2, tiny.llama])
def test_causal_models_read_the_token_that_they_read_of_the_text_alone(
    made: Callable[..., str], options: dict[str, Any], tmp_path: Path
) -> None:
    folder = made(tmp_path, **options)
    texts = [*ANSWERS, "good [END]", "the film was good [END]", "bad bad [END] good", "very [END] [END]"]
    expected = plain(folder, texts)[:, 0]
    assert expected.unique().numel() >= len(texts) - 1
    for batch_size in (1, 3, 32):
        got = SequenceClassifier(folder, batch_size=batch_size)(answered(texts))
        assert torch.allclose(got, expected, atol=1e-5)


@pytest.mark.parametrize("made", [tiny.bert, tiny.roberta, tiny.gpt2, tiny.llama, tiny.bart])
def test_a_score_does_not_depend_on_what_is_rated_beside_it(made: Callable[..., str], tmp_path: Path) -> None:
    reward = SequenceClassifier(made(tmp_path), 0)
    texts = [*ANSWERS, "good [END]", "was the [END] film good", "a a a a a a a a a a"]
    together = reward(answered(texts))
    for row, text in enumerate(texts):
        for beside in ([], ["so"], [*ANSWERS, text, "a [END] b"]):
            assert torch.allclose(reward(answered([text, *beside]))[0], together[row], atol=1e-5)


def test_weights_saved_in_bfloat16_are_read_in_float32(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = tiny.bert(tmp_path)
    AutoModelForSequenceClassification.from_pretrained(folder).bfloat16().save_pretrained(folder)
    expected = plain(folder, ANSWERS, dtype=torch.float32)[:, 1]
    assert torch.allclose(SequenceClassifier(folder, 1)(ROLLOUT), expected, atol=1e-5)
    coarse = SequenceClassifier(folder, 1, precision="bfloat16")
    assert {weight.dtype for weight in coarse.model.parameters()} == {torch.bfloat16}
    assert torch.allclose(coarse(ROLLOUT), expected, atol=0.1 * float(expected.std()))


def test_several_classes_of_which_none_is_named(tmp_path: Path) -> None:
    folder = tiny.bert(tmp_path, labels=2)
    with pytest.raises(ConfigError, match=r"has 2 classes \(0 LABEL_0, 1 LABEL_1\): give score"):
        SequenceClassifier(folder)
    single = tiny.bert(tmp_path / "single", labels=1)
    assert torch.equal(SequenceClassifier(single)(ROLLOUT), SequenceClassifier(single, 0)(ROLLOUT))


def test_a_token_without_embedding_is_named(tmp_path: Path) -> None:
    words = tiny.tokenizer(pairs=False, pad_token="<beyond>")
    folder = tiny.llama(tmp_path)
    words.save_pretrained(folder)
    expected = plain(folder, ANSWERS)[:, 0]
    assert torch.allclose(SequenceClassifier(folder)(ROLLOUT), expected, atol=1e-5)  # no text holds it
    with pytest.raises(ConfigError, match=r"writes '<beyond>' as 16, and the model has embeddings for 0 to 15 only"):
        SequenceClassifier(folder)(answered(["good", "good <beyond>"]))


def test_a_template_that_writes_the_start_token_itself(tmp_path: Path) -> None:
    for made, start in ((tiny.bert, "[CLS]"), (tiny.llama, "[CLS]")):
        folder = made(tmp_path / made.__name__)
        words = tiny.tokenizer(pad_token="[PAD]", **{"cls_token" if made is tiny.bert else "bos_token": start})
        words.save_pretrained(folder)
        written = SequenceClassifier(folder, 0, template=f"{start} {{answer}}")(ROLLOUT)
        assert torch.equal(written, SequenceClassifier(folder, 0)(ROLLOUT))


def test_empty_answers_of_a_tokenizer_that_adds_nothing(tmp_path: Path) -> None:
    folder = tiny.gpt2(tmp_path, tokens={"eos_token": "[END]"})
    rated = SequenceClassifier(folder, allow_empty_answers=True)(answered(["", "good"]))
    assert torch.allclose(rated, plain(folder, ["[END]", "good"])[:, 0], atol=1e-5)
    bare = SequenceClassifier(tiny.gpt2(tmp_path / "bare"), allow_empty_answers=True)
    with pytest.raises(RewardError, match="would rate row 1 by a text without any token"):
        bare(answered(["good", ""]))


def test_long_texts_lose_their_beginning(bert: str) -> None:
    long = "good good " * 20 + "bad a the film was so very bad . ? a the film"
    kept = " ".join(long.split()[-14:])  # two of sixteen are special
    assert torch.allclose(SequenceClassifier(bert, 0)(answered([long])), plain(bert, [kept])[:, 0], atol=1e-5)
    shorter = SequenceClassifier(bert, 0, max_length=5)(answered([long]))
    assert torch.allclose(shorter, plain(bert, ["a the film"])[:, 0], atol=1e-5)


def test_roberta_counts_positions_from_its_padding(tmp_path: Path) -> None:
    folder = tiny.roberta(tmp_path)
    long = ["good bad film a " * 10 + "so very"]
    expected = plain(folder, [" ".join(long[0].split()[-12:])])[:, 0]  # 16 positions, less 2, less 2 special tokens
    assert torch.allclose(SequenceClassifier(folder, 0)(answered(long)), expected, atol=1e-5)


def test_max_length_must_fit(bert: str) -> None:
    for wanted in (3, 17):
        with pytest.raises(ConfigError, match=f"max_length is {wanted}: .* can read 4 to 16 tokens"):
            SequenceClassifier(bert, 0, max_length=wanted)


def test_it_is_frozen_and_apart(bert: str) -> None:
    reward = SequenceClassifier(bert, 0)
    assert not isinstance(reward, nn.Module)
    assert not reward.model.training
    assert not any(weight.requires_grad for weight in reward.model.parameters())
    values = reward(ROLLOUT)
    (torch.ones(4, requires_grad=True) * values).sum().backward()  # usable in a loss


def test_mixed_precision_leaves_it_alone(bert: str) -> None:
    reward = SequenceClassifier(bert, 0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = reward(ROLLOUT)
    assert torch.equal(mixed, reward(ROLLOUT))


def test_a_class_it_does_not_have(bert: str) -> None:
    with pytest.raises(ConfigError, match=r"for class 3, but it has 3 \(0 LABEL_0, 1 LABEL_1, 2 LABEL_2\)"):
        SequenceClassifier(bert, "1-3")
    for score in ("", "1-", "-1", "1-2-0", "good", "1+2"):
        with pytest.raises(ConfigError, match="give the index of a class such as 1"):
            SequenceClassifier(bert, score)


def test_a_batch_of_none(bert: str) -> None:
    with pytest.raises(ConfigError, match="batch_size is 0"):
        SequenceClassifier(bert, batch_size=0)


def test_a_template_with_a_wrong_field(bert: str) -> None:
    for fields in ({"template": "{prompt}"}, {"pair": "{prompt}"}):
        with pytest.raises(RewardError, match=r"may hold .*answer.* only"):
            SequenceClassifier(bert, **fields)


def test_a_folder_that_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"the folder {tmp_path} holds no sequence classifier"):
        SequenceClassifier(str(tmp_path))


def test_a_folder_without_tokenizer(tmp_path: Path) -> None:
    tiny.bert(tmp_path)
    for file in tmp_path.glob("*token*"):
        file.unlink()
    with pytest.raises(ConfigError, match=f"{tmp_path} holds no tokenizer: save the one"):
        SequenceClassifier(str(tmp_path))


def test_truncated_weights(tmp_path: Path) -> None:
    weights = Path(tiny.bert(tmp_path)) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=f"the folder {tmp_path} holds no sequence classifier that can be loaded"):
        SequenceClassifier(str(tmp_path))


def test_a_model_that_was_never_trained_to_classify(tmp_path: Path) -> None:
    from transformers import BertModel

    BertModel.from_pretrained(tiny.bert(tmp_path / "classifier")).save_pretrained(tmp_path / "encoder")
    with pytest.raises(ConfigError, match=r"was not trained as a sequence classifier: .* classifier\.bias"):
        SequenceClassifier(str(tmp_path / "encoder"))
