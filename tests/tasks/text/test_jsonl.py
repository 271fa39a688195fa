from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonargparse import ArgumentParser

from rsoup_lightning.errors import ConfigError, UnknownNameError
from rsoup_lightning.modalities.data import Entry, PromptData
from tasks.text.jsonl import HubDataset, RecordsFile

RECORDS = [{"ask": f"Question {i}\nin two lines", "best": f"Answer {i}", "deep": {"er": f"Post {i}"}} for i in range(9)]
TURNS = r"\n\nHuman: (.*?)\n\nAssistant:"


@pytest.fixture
def lines(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("records") / "train.jsonl"
    path.write_text("".join(f"{json.dumps(record)}\n" for record in RECORDS) + "\n")
    return str(path)


def everything(data: PromptData) -> set[Entry]:
    return {*data.entries("train"), *data.entries("eval")}


def test_json_lines(lines: str) -> None:
    data = RecordsFile(lines, question="ask", reference="best", eval_size=2)
    assert everything(data) == {Entry(record["ask"], record["best"]) for record in RECORDS}
    assert len(data.entries("eval")) == 2


def test_a_row_of_more_fields_than_the_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("text,label\none,1\nhello, hi,0\n")
    with pytest.raises(ConfigError, match=r"line 3 of .*data\.csv has more fields than the header"):
        RecordsFile(str(path), question="text", eval_size=1).entries("train")


def test_a_group_that_matches_nothing_leaves_the_record_out(lines: str) -> None:
    data = RecordsFile(lines, question="ask", extract=r"Question 0|(Question \d)", eval_size=1)
    assert everything(data) == {Entry(f"Question {number}") for number in range(1, 9)}


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text('text,label\n"one, two",1\nthree,0\n')
    assert everything(RecordsFile(str(path), question="text", eval_size=1)) == {Entry("one, two"), Entry("three")}


def test_first_words_and_columns_within_columns(lines: str) -> None:
    assert Entry("Post 3") in everything(RecordsFile(lines, question="deep.er", eval_size=2))
    assert Entry("Question 3") in everything(RecordsFile(lines, question="ask", words=2, eval_size=2))


def test_extract_takes_the_first_human_turn(tmp_path: Path) -> None:
    turns = [f"\n\nHuman: Ask\n{i}?\n\nAssistant: Yes.\n\nHuman: Sure?\n\nAssistant: No." for i in range(3)]
    path = tmp_path / "data.jsonl"
    path.write_text("".join(json.dumps({"chosen": turn}) + "\n" for turn in [*turns, "no turn at all"]))
    data = RecordsFile(str(path), question="chosen", extract=TURNS, eval_size=1)
    assert everything(data) == {Entry(f"Ask\n{i}?") for i in range(3)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"extract": "no group"}, "has 0 groups: 1 is needed"),
        ({"extract": "(open"}, "not a regular expression"),
        ({"words": 0}, "words is 0"),
        ({"path": "data.parquet"}, "neither .jsonl nor .csv"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RecordsFile(**{"path": "data.csv", "question": "ask", **options})


def test_an_unknown_column_gets_a_suggestion(lines: str) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'best'"):
        RecordsFile(lines, question="ask", reference="bests").entries("eval")


def test_a_column_of_something_else(lines: str) -> None:
    with pytest.raises(ConfigError, match=r"column deep holds \{.*, not text"):
        RecordsFile(lines, question="deep").entries("eval")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.csv cannot be read: No such file"):
        RecordsFile(str(tmp_path / "absent.csv"), question="ask").entries("eval")
    (tmp_path / "broken.jsonl").write_text("{")
    for content in ("{", "[" * 100_000):
        (tmp_path / "broken.jsonl").write_text(content)
        with pytest.raises(ConfigError, match=r"broken\.jsonl is not a readable \.jsonl file"):
            RecordsFile(str(tmp_path / "broken.jsonl"), question="ask").entries("eval")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1]", r"no column 'ask' in \[1\]: a record is an object"),
        ('{"ask": 3}', "column ask holds 3, not text"),
        (r'{"ask": "fine \ud83d"}', "half of a character"),
    ],
)
def test_records_that_are_no_text(line: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text(f'{{"ask": "one"}}\n{line}\n')
    with pytest.raises(ConfigError, match=message):
        RecordsFile(str(tmp_path / "odd.jsonl"), question="ask").entries("eval")


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_a_byte_order_mark_is_no_part_of_the_text(name: str, tmp_path: Path) -> None:
    """Spreadsheets write one."""
    content = "ask\none\ntwo\n" if name == "a.csv" else '{"ask": "one"}\n{"ask": "two"}\n'
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    found = everything(RecordsFile(str(tmp_path / name), question="ask", eval_size=1))
    assert found == {Entry("one"), Entry("two")}


def test_it_is_built_from_a_recipe(lines: str) -> None:
    parser = ArgumentParser()
    parser.add_subclass_arguments(PromptData, "data")
    given = {"class_path": "tasks.text.jsonl.RecordsFile", "init_args": {"path": lines, "question": "ask", "words": 1}}
    data = parser.instantiate(parser.parse_object({"data": given})).data
    assert isinstance(data, RecordsFile)
    assert (data.question, data.words, data.eval_size) == ("ask", 1, 200)


def test_a_data_set_in_a_folder(lines: str, tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    options = {"cache_dir": str(tmp_path / "cache")}
    folder = str(Path(lines).parent)
    data = HubDataset(folder, question="deep.er", reference="best", options=options, eval_size=2)
    assert everything(data) == {Entry(record["deep"]["er"], record["best"]) for record in RECORDS}  # type: ignore[index]
    with pytest.raises(UnknownNameError, match="unknown column 'asks': did you mean 'ask'"):
        HubDataset(folder, question="asks", options=options).entries("eval")
    with pytest.raises(ConfigError, match="check its name, hub_split and options"):
        HubDataset(folder, hub_split="tarin", question="ask", options=options).entries("eval")
