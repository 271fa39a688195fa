"""The tokens of a tokenizer that lies beside a model: their numbers, and what decides how texts are split into them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from rsoup_lightning.errors import MergeError, WeightsError
from rsoup_lightning.merging.disk.stored_expert import content_of

WHOLE, SETTINGS, ADDED = "tokenizer.json", "tokenizer_config.json", "added_tokens.json"
PIECES = ("vocab.json", "vocab.txt")  # where there is no tokenizer.json
OPAQUE = (".model", ".tiktoken", "tekken.json")  # vocabularies in formats that are not read here
DECODER = "added_tokens_decoder"  # of SETTINGS: added tokens by their number
CONSULTED = (WHOLE, SETTINGS, ADDED, *PIECES, "merges.txt")
PLAIN = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": True, "special": False}
SPLITTING = ("add_bos_token", "add_eos_token", "add_prefix_space", "do_lower_case")  # of SETTINGS

Others = Mapping[str, Path | bytes]
"""What lies beside weights, by name."""

Manner = Mapping[str, Any]
"""How an added token is found in a text."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a tokenizer.

    Attributes:
        ids: each token's number, which is its row in embeddings.
        added: those that were added to the tokenizer's model, with how they are found in a text.
        room: the first number that is free for another added token; None where only added tokens are known, as the rest
            is in a format that is not read here.
        splits: what else decides how texts are split, by what to call it.
    """

    ids: Mapping[str, int]
    added: Mapping[str, Manner]
    room: int | None
    splits: Mapping[str, Any]

    @property
    def tokens(self) -> dict[int, str]:
        """Each number's token."""
        return {number: token for token, number in self.ids.items()}

    def shared_number(self) -> str | None:
        """Two tokens that have the same number, in words; None where each has its own."""
        tokens = self.tokens
        for token, number in self.ids.items():
            if tokens[number] != token:
                return f"{token!r} and {tokens[number]!r} both have the number {number}"
        return None


def tokenizer_files(others: Others, folder: str = "") -> Others:
    """Those of ``others`` that say which tokens there are and how texts are split, of one folder, by name in it."""
    inside = {name.rpartition("/")[2]: file for name, file in others.items() if name.rpartition("/")[0] == folder}
    return {name: file for name, file in inside.items() if name in CONSULTED or name.endswith(OPAQUE)}


def read_vocabulary(others: Others, folder: str) -> Vocabulary | None:
    """That of the tokenizer among ``others``; None where there is none.

    Args:
        others: what lies beside weights, by name.
        folder: where, for errors.

    Raises:
        WeightsError: its files are damaged.
    """
    opaque = sorted(name for name in others if name.endswith(OPAQUE))
    pieces_file = next((name for name in (WHOLE, *PIECES) if name in others), None)
    if pieces_file is None and not opaque:
        return None
    try:
        settings = _json(others, SETTINGS)
        pieces: dict[str, int] = {}
        listed: dict[str, tuple[int, Manner]] = {}
        splits: dict[str, Any] = {key: settings[key] for key in SPLITTING if key in settings}
        if pieces_file == WHOLE:
            pieces, listed, more = _whole(_json(others, WHOLE))
            splits |= more
        elif pieces_file:
            pieces = _pieces(pieces_file, content_of(others[pieces_file]))
            splits |= {**_merges(others), "tokens of its model": pieces.keys()}
        else:
            splits |= {name: sha256(content_of(others[name])).hexdigest() for name in opaque}
        for number, entry in settings.get(DECODER, {}).items():
            listed.setdefault(entry["content"], (int(number), _manner(entry)))
        for token, number in _json(others, ADDED).items():
            listed.setdefault(token, (number, PLAIN))
        ids = pieces | {token: number for token, (number, _) in listed.items()}
        if not all(isinstance(token, str) and type(number) is int and number >= 0 for token, number in ids.items()):
            raise ValueError("a token without a number")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise WeightsError(f"the tokenizer in {folder} is damaged ({error!r}): save it again") from None
    new = [number + 1 for token, (number, _) in listed.items() if token not in pieces]
    room = max([len(pieces), *new]) if pieces_file else None
    return Vocabulary(ids, {token: manner for token, (_, manner) in listed.items()}, room, splits)


def difference(one: Vocabulary, two: Vocabulary, *, partly: bool = False) -> str | None:
    """A token that does not have the same number in both, in words; None where all have.

    Args:
        one: the first.
        two: the other.
        partly: let one of them have tokens that the other lacks, where their numbers stand for no other token. So it
            always is where one is in a format that is not read.
    """
    partly = partly or one.room is None or two.room is None
    if one.ids == two.ids:
        return None
    tokens = [vocabulary.tokens for vocabulary in (one, two)]
    for token in sorted(one.ids.keys() | two.ids.keys()):
        ours, theirs = one.ids.get(token), two.ids.get(token)
        taken = ours in tokens[1] or theirs in tokens[0]
        if ours != theirs and not (partly and None in (ours, theirs) and not taken):
            numbers = (f"number {number}" if number is not None else "absent" for number in (ours, theirs))
            return f"{token!r} is {' and '.join(numbers)}"
    return None


def check_splits(one: Vocabulary, two: Vocabulary, labels: str) -> None:
    """Require two tokenizers to split texts alike, but for the tokens that were added to one of them only.

    Raises:
        MergeError: names what differs.
    """
    found = [key for key in one.splits.keys() & two.splits.keys() if one.splits[key] != two.splits[key]]
    for token in one.added.keys() & two.added.keys():
        found += [f"rules for {token!r}"] if _rules(one, token) != _rules(two, token) else []
    if found:
        raise MergeError(
            f"the tokenizers of {labels} split texts differently by their {', '.join(sorted(found)[:5])} (where you "
            "know that they do not, give both the same files)"
        )


def with_tokens(others: Others, extra: Mapping[str, tuple[int, Mapping[str, Any]]]) -> dict[str, Path | bytes]:
    """``others`` with a tokenizer that has ``extra`` tokens, each with its number and how it is found in a text."""
    changed = dict(others)
    if WHOLE in others:
        whole = _json(others, WHOLE)
        whole["added_tokens"] += [{"id": number, "content": token, **how} for token, (number, how) in extra.items()]
        changed[WHOLE] = written(whole)
    settings = _json(others, SETTINGS)
    if DECODER in settings:
        more = {str(number): {"content": token, **how} for token, (number, how) in extra.items()}
        changed[SETTINGS] = written({**settings, DECODER: settings[DECODER] | more})
    if ADDED in others or not (WHOLE in others or DECODER in settings):  # where there are others, it is not read
        changed[ADDED] = written(_json(others, ADDED) | {token: number for token, (number, _) in extra.items()})
    return changed


def _json(others: Others, name: str) -> dict[str, Any]:
    """A JSON object among ``others``; an empty one where there is none."""
    return dict(json.loads(content_of(others[name]))) if name in others else {}


def written(value: Mapping[str, Any]) -> bytes:
    """A JSON object as it lies beside weights."""
    return json.dumps(value, indent=2).encode() + b"\n"


def _whole(content: dict[str, Any]) -> tuple[dict[str, int], dict[str, tuple[int, Any]], dict[str, Any]]:
    """Of a tokenizer.json: tokens of its model, added ones, and what else decides how texts are split."""
    model = dict(content["model"])
    vocabulary = model.pop("vocab")
    splits: dict[str, Any] = {}
    if isinstance(vocabulary, list):  # Unigram: pieces with their scores, in order
        splits["scores"] = dict(vocabulary)
        pieces = {piece: number for number, (piece, _) in enumerate(vocabulary)}
        unknown = model.pop("unk_id", None)
        splits["unknown token"] = None if unknown is None else vocabulary[unknown][0]
    else:
        pieces = dict(vocabulary)
    splits["tokens of its model"] = pieces.keys()
    merges = model.pop("merges", [])
    splits["merges"] = [tuple(pair.split(" ", 1)) if isinstance(pair, str) else tuple(pair) for pair in merges]
    splits["settings of its model"] = {key: value for key, value in model.items() if value not in (None, False, "")}
    splits |= {key: _without_numbers(content.get(key)) for key in ("normalizer", "pre_tokenizer", "post_processor")}
    listed = {entry["content"]: (entry["id"], _manner(entry)) for entry in content.get("added_tokens", [])}
    return pieces, listed, splits


def _pieces(name: str, content: bytes) -> dict[str, int]:
    """The tokens in a vocab.json or vocab.txt."""
    if name.endswith(".json"):
        return dict(json.loads(content))
    return {line: number for number, line in enumerate(content.decode().split("\n")) if line}


def _merges(others: Others) -> dict[str, Any]:
    if "merges.txt" not in others:
        return {}
    lines = content_of(others["merges.txt"]).decode().split("\n")
    return {"merges": [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#version")]}


def _manner(entry: Mapping[str, Any]) -> dict[str, Any]:
    """How an added token is found in a text."""
    return {key: entry.get(key, default) for key, default in PLAIN.items()}


def _rules(vocabulary: Vocabulary, token: str) -> dict[str, Any]:
    """How an added token is found; whether it is shown in answers is left out."""
    return {key: value for key, value in vocabulary.added[token].items() if key != "special"}


def _without_numbers(value: Any) -> Any:
    """Settings of a tokenizer that name tokens by text and number, without the numbers."""
    if isinstance(value, dict):
        return {key: _without_numbers(item) for key, item in value.items()}
    return [_without_numbers(item) for item in value if type(item) is not int] if isinstance(value, list) else value
