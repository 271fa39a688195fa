"""Entries from records: files of one's own, and data sets of the Hugging Face hub."""

from __future__ import annotations

import csv
import json
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rsoup_lightning.errors import ConfigError, UnknownNameError, check_at_least_one
from rsoup_lightning.files import user_path
from rsoup_lightning.modalities.data import Entry
from rsoup_lightning.optional import need
from tasks.text.cut import first_words
from tasks.text.split import SplitData


class Records(SplitData):
    """Entries from the columns of records. Records without a question are left out.

    Args:
        question: the question's column; a dot goes into a column that holds a record: info.post.
        reference: the reference's column; null: there are no references.
        extract: a regular expression with one group, found in the question's column; the question is what the group
            holds, and records where it is not found are left out. ``'\\n\\nHuman: (.*?)\\n\\nAssistant:'`` is the first
            turn of Anthropic/hh-rlhf. The dot matches line ends too. Null takes the column as it is.
        words: the question's first words only, so many; null takes all.
        **sizes: as of SplitData.

    Raises:
        ConfigError: ``extract`` is not a regular expression with one group, or a size is below one.
    """

    def __init__(
        self,
        question: str,
        reference: str | None = None,
        extract: str | None = None,
        words: int | None = None,
        **sizes: Any,
    ) -> None:
        super().__init__(**sizes)
        try:
            self.extract = None if extract is None else re.compile(extract, re.DOTALL)
        except re.error as error:
            raise ConfigError(f"extract {extract!r} is not a regular expression: {error}") from error
        if self.extract is not None and self.extract.groups != 1:
            raise ConfigError(f"extract {extract!r} has {self.extract.groups} groups: 1 is needed, for the question")
        check_at_least_one(words=words)
        self.question = question
        self.reference = reference
        self.words = words

    @abstractmethod
    def records(self) -> Iterable[Mapping[str, Any]]:
        """The records, by column."""

    def load(self) -> Iterator[Entry]:
        for record in self.records():
            question = column_values(record, self.question)
            if self.extract is not None:
                found = self.extract.search(question)
                question = (found[1] or "") if found else ""
            if self.words is not None:
                question = first_words(question, self.words)
            if question.strip():
                yield Entry(question.strip(), column_values(record, self.reference).strip() if self.reference else "")


class RecordsFile(Records):
    """Entries from a file of JSON lines or a CSV file with a header.

    Args:
        path: the file, .jsonl or .csv, in UTF-8.
        **kwargs: as of Records.

    Raises:
        ConfigError: the file is of another kind.
    """

    def __init__(self, path: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = user_path(path)
        if self.path.suffix not in (".jsonl", ".csv"):
            raise ConfigError(f"{path} is neither .jsonl nor .csv")

    def records(self) -> Iterator[Mapping[str, Any]]:
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as stream:  # a byte order mark may come first
                if self.path.suffix == ".csv":
                    yield from self._rows(csv.DictReader(stream))
                else:
                    yield from (json.loads(line) for line in stream if line.strip())
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError, csv.Error) as error:
            raise ConfigError(f"{self.path} is not a readable {self.path.suffix} file: {error}") from error

    def _rows(self, reader: csv.DictReader[str]) -> Iterator[Mapping[str, Any]]:
        for row in reader:
            if None in row:  # type: ignore[comparison-overlap]  # where the csv module puts the rest
                raise ConfigError(
                    f"line {reader.line_num} of {self.path} has more fields than the header: quote those with a comma"
                )
            yield row


class HubDataset(Records):
    """Entries from a data set of the Hugging Face hub, or from a folder that holds a copy of one.

    Args:
        name: hub name, such as Anthropic/hh-rlhf, or a local folder.
        hub_split: the data set's split that is read; evaluation entries are taken from it too.
        options: further keyword arguments of ``datasets.load_dataset``: name, data_dir, revision and such.
        **kwargs: as of Records.
    """

    def __init__(
        self, name: str, hub_split: str = "train", options: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.hub_split = hub_split
        self.options = options or {}

    def records(self) -> Iterable[Mapping[str, Any]]:
        load_dataset = need("datasets", "datasets", "hub").load_dataset
        try:
            folder = user_path(self.name)
            dataset = load_dataset(str(folder) if folder.is_dir() else self.name, split=self.hub_split, **self.options)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"data set {self.name} was not loaded ({error}): check its name, hub_split and options; "
                "without network, download it elsewhere and give its folder as name"
            ) from error
        wanted = {name.split(".")[0] for name in (self.question, self.reference) if name}
        present = [name for name in dataset.column_names if name in wanted]  # the others are not decoded
        return dataset.select_columns(present) if len(present) == len(wanted) else dataset


def column_values(record: Mapping[str, Any], path: str) -> str:
    """The text at ``path`` of a record, empty where it is null.

    >>> column_values({"info": {"post": "Hello"}}, "info.post")
    'Hello'

    Raises:
        UnknownNameError: no such column.
        ConfigError: what is there is no text.
    """
    value: Any = record
    for name in path.split("."):
        if not isinstance(value, Mapping):
            raise ConfigError(f"there is no column {name!r} in {value!r:.60}: a record is an object")
        if name not in value:
            raise UnknownNameError("column", name, value)
        value = value[name]
    if not isinstance(value, str | None):
        raise ConfigError(f"column {path} holds {value!r:.60}, not text")
    if value and any("\ud800" <= character <= "\udfff" for character in value):
        raise ConfigError(f"column {path} holds {value!r:.60}, with half of a character in it")
    return value or ""
